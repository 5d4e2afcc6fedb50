"""`fireside models convert`, as a person sees it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from fireside.cli.models_convert import in_words
from fireside.conversions import KINDS, Measured, Side
from fireside.models.sources.converted import read_record, write_record
from fireside.settings import Home

Fireside = Callable[..., subprocess.CompletedProcess[str]]
MADE = "converted:small"


@pytest.fixture
def made(fireside: Fireside, smollm2: Path) -> Iterator[str]:
    fireside("models", "convert", smollm2, "--to", "q4_0", "--name", "small", "--no-measure", "--yes")
    yield MADE
    fireside("models", "rm", MADE, "--yes")


def test_what_would_be_made_is_told_for_each_format(fireside: Fireside, smollm2: Path) -> None:
    told = fireside("models", "convert", smollm2, "--to", "Q4_0", "--to", "Q8_0", "--dry-run").stdout
    rows = [line.split("\t") for line in told.splitlines()]
    assert [row[0].rpartition("-")[2] for row in rows] == ["Q4_0", "Q8_0"]
    assert all(row[0].startswith("converted:") for row in rows)
    assert rows[0][2].startswith("9")
    assert "nearly nothing is lost" in rows[1]
    assert "converted:" not in fireside("models").stdout


def test_a_loss_is_said_and_asked_about(fireside: Fireside, smollm2: Path) -> None:
    done = fireside("models", "convert", smollm2, "--to", "Q4_0", code=1)
    assert "can't come back" in done.stderr
    assert "--yes" in done.stderr


def test_an_unknown_format_lists_the_known_ones_in_words(fireside: Fireside, smollm2: Path) -> None:
    done = fireside("models", "convert", smollm2, "--to", "Q7", code=1)
    assert "there is no format Q7" in done.stderr
    assert all(kind in done.stderr for kind in KINDS)
    assert "the usual balance" in done.stderr


def test_it_is_shown_with_what_it_was_made_of(fireside: Fireside, made: str, smollm2: Path) -> None:
    shown = fireside("models", "show", made).stdout
    assert f"file:{smollm2} (Q4_1)" in shown
    assert "beside the original" not in shown


def test_what_was_measured_before_is_told(
    fireside: Fireside, made: str, smollm2: Path, cli_home: Home
) -> None:
    folder = cli_home.models / "converted" / "small"
    record = read_record(folder)
    assert record is not None
    known = msgspec.structs.replace(record.conversion, measured=measured(1.07, 0.011, 1.9))
    write_record(folder, msgspec.structs.replace(record, conversion=known))
    again = ("models", "convert", smollm2, "--to", "Q4_0", "--name", "small")
    told = fireside(*again).stdout
    rows = [line.split("\t") for line in told.splitlines()]
    assert [row[0] for row in rows[:2]] == [f"file:{smollm2}", made]
    assert all("tokens/s" in cell for row in rows[:2] for cell in row[3:5])
    assert rows[1][5] == "+7.0% ± 1.1%"
    assert "a little worse than the original; reads 1.9 times as fast" in told
    assert "beside the original" in fireside("models", "show", made).stdout
    (card,) = json.loads(fireside(*again, "--json").stdout)
    assert card["conversion"]["measured"]["perplexity_ratio"] == 1.07


def measured(ratio: float, error: float, reading: float = 1.0, writing: float = 1.0) -> Measured:
    before, after = Side(98_000_000, 12.0, 400, 100), Side(90_000_000, 12.0 * ratio, 400, 100)
    return Measured(before, after, ratio, error, reading, writing, "a build")


def test_a_comparison_is_told_in_words() -> None:
    assert in_words(measured(1.002, 0.001, 1.92, 1.3)) == (
        "as good as the original; reads 1.9 times as fast; writes 1.3 times as fast; 8.0 MB smaller"
    )
    assert in_words(measured(1.3, 0.01)).startswith("clearly worse than the original; reads about as fast")
    assert in_words(measured(1.04, 0.03)).startswith("as good as")
    assert in_words(measured(1.02, 0.003)).startswith("hardly worse")
    assert "writing takes 2.0 times as long" in in_words(measured(1.07, 0.003, writing=0.5))
