"""Warm or cold, in words that say what it means for the person who waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fireside.cli import languages
from fireside.cli.warmth import lines, short
from fireside.conversations import Warmth


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    languages.use("en")
    yield
    languages.use("en")


@pytest.mark.parametrize(
    ("warmth", "expected"),
    [
        (None, ""),
        (Warmth("warm", 90, 100, 20.0), "warm, ~0.1 s"),
        (Warmth("cold", 0, 100), "cold"),
        (Warmth("cold", 0, 6000, 15_200.0), "cold, ~15 s"),
    ],
)
def test_a_list_says_it_in_a_word(warmth: Warmth | None, expected: str) -> None:
    assert short(warmth) == expected


def test_context_says_it_in_sentences() -> None:
    assert lines(None) == []
    assert lines(Warmth("saved", 5990, 6000, 300.0)) == [
        "5,990 of 6,000 tokens are saved on disk",
        "the next reply begins after ~0.3 s",
    ]
    assert lines(Warmth("cold", 0, 6000)) == ["all 6,000 tokens are to be read anew"]


def test_it_is_said_in_chinese() -> None:
    languages.use("zh")
    assert short(Warmth("saved", 90, 100)) == "已存盘"
    assert "重新读取" in lines(Warmth("cold", 0, 6000))[0]


def test_the_list_of_chats_tells_it(fireside: Any) -> None:
    asked = json.loads(fireside("ask", "--json", "--max-tokens", "3", "Warm me up.").stdout)
    row = next(
        line
        for line in fireside("chats", "list").stdout.splitlines()
        if asked["conversation_id"][-8:] in line
    )
    assert "warm" in row.split("\t")[-1]
