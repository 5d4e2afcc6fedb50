"""`fireside models import` and a chat with another program's model, as a person does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

import made_homes
from fireside.settings import Home
from starting import moved_home

Fireside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cli_home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Home]:
    """A home in which Ollama and the hub's cache keep the small model, and LM Studio something broken."""
    persons = tmp_path_factory.mktemp("person")
    made_homes.ollama(persons, smollm2)
    made_homes.hub_cache(persons, smollm2)
    broken = persons / ".lmstudio/models/somebody/broken/broken.gguf"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"<!doctype html>")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(persons))
        with moved_home(tmp_path_factory.mktemp("home"), smollm2) as moved:
            yield moved


def test_what_is_here_is_listed_with_whose_it_is_and_what_is_wrong(fireside: Fireside) -> None:
    lines = [line.split("\t") for line in fireside("models", "import").stdout.splitlines()]
    told = {line[0]: line[1:] for line in lines}
    hub = "hf-cache:bartowski/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct-Q4_1.gguf"
    assert told["ollama:smollm2:135m"] == ["smollm2:135m", "98.4 MB", "Ollama", f"can be used, also as {hub}"]
    assert "a web page" in told["lmstudio:somebody/broken/broken.gguf"][3]
    as_json = json.loads(fireside("models", "import", "--json").stdout)
    assert [one["reference"] for one in as_json] == list(told)
    assert as_json[0]["card"]["licence"] == "Apache-2.0"


def test_a_narrow_terminal_shows_the_whole_reference(cli_home: Home) -> None:
    command = [sys.executable, "-m", "fireside", "models", "import"]
    with pexpect.spawn(command[0], command[1:], dimensions=(24, 60), encoding="utf-8") as terminal:
        terminal.expect(pexpect.EOF)
        lines = (terminal.before or "").splitlines()
    assert "lmstudio:somebody/broken/broken.gguf" in lines
    assert "  smollm2:135m · 98.4 MB · Ollama · can be used" in (terminal.before or "")


def test_another_programs_model_answers_is_imported_and_forgotten(fireside: Fireside) -> None:
    asked = ("ask", "--model", "ollama:smollm2:135m", "--max-tokens", 8, "--json", "Say", "hello.")
    assert json.loads(fireside(*asked).stdout)["model"] == "ollama:smollm2:135m"
    fireside("models", "import", "ollama:smollm2:135m")
    assert "ollama:smollm2:135m" in fireside("models").stdout
    refused = fireside("models", "rm", "--yes", "ollama:smollm2:135m", code=1)
    assert "ollama rm smollm2:135m" in refused.stderr
    fireside("models", "import", "--forget", "ollama:smollm2:135m")
    assert "ollama" not in fireside("models").stdout


def test_forgetting_needs_a_name(fireside: Fireside) -> None:
    assert "--forget" in fireside("models", "import", "--forget", code=2).stderr


def test_show_tells_all_that_is_known(fireside: Fireside) -> None:
    shown = fireside("models", "show", "ollama:smollm2:135m").stdout
    groups = [dict(line.split("  ", 1) for line in part.splitlines()) for part in shown.split("\n\n")]
    told = {name: value.strip() for group in groups for name, value in group.items()}
    assert len(groups) == 4
    assert told["made for"] == "following instructions"
    assert told["format"] == "has a chat template"
    assert (told["pictures"], told["functions"]) == ("no", "no")
    assert told["tokenizer"] == "gpt2/smollm"
    assert told["runs on"] == "llama.cpp, which comes with Fireside"
    assert told["file"].startswith(os.environ["HOME"])
