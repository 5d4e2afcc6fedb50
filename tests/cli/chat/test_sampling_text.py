"""Sampling as people write it."""

from __future__ import annotations

import pytest

from fireside.cli.chat.sampling_text import is_settings, parse_settings
from fireside.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("temperature 0.7", {"temperature": 0.7}),
        ("temperature=0.7 seed=5", {"temperature": 0.7, "seed": 5}),
        ("top-k none", {"top_k": None}),
        (r'stop "\n"', {"stop": ("\n",)}),
        (r'stop "\n" "User:"', {"stop": ("\n", "User:")}),
        ("stop='Alice: '", {"stop": ("Alice: ",)}),
        ("stop none", {"stop": None}),
        ("", {}),
    ],
)
def test_what_is_understood(text: str, read: dict[str, object]) -> None:
    assert parse_settings(text) == read


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("temprature 0.7", "temprature"),
        ("temperature hot", "hot"),
        ("top_p 1.5", "1.5"),
        ("seed", "no value"),
        ('stop "\\n', "not closed"),
        ("seed 5 6", "5 6"),
    ],
)
def test_what_is_refused_is_named(text: str, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        parse_settings(text)


def test_words_are_told_from_settings() -> None:
    assert is_settings("temperature=1 seed=3")
    assert not is_settings("shorter, and x=1")
    assert not is_settings("don't")
