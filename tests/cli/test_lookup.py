"""Conversations are found by what a person remembers of them."""

from __future__ import annotations

import pytest

from fireside.cli.lookup import choose
from fireside.conversations import Conversation
from fireside.errors import BadRequest, ConversationNotFound


def _listed(*titles: str) -> list[Conversation]:
    ids = [f"0190aaaa-0000-7000-8000-00000000{number:04x}" for number in range(1, len(titles) + 1)]
    return [Conversation(identity, title, 0, 0) for identity, title in zip(ids, titles, strict=True)]


LISTED = _listed("Physics", "Physics of fire", "壁炉边的谈话")


@pytest.mark.parametrize(
    ("meant", "title"),
    [
        ("0001", "Physics"),
        ("0190AAAA-0000-7000-8000-000000000002", "Physics of fire"),
        ("physics", "Physics"),
        ("of FIRE", "Physics of fire"),
        ("壁炉", "壁炉边的谈话"),
    ],
)
def test_an_id_its_end_a_title_or_a_part_of_one_is_enough(meant: str, title: str) -> None:
    assert choose(LISTED, meant).title == title


def test_what_may_mean_several_names_them() -> None:
    with pytest.raises(BadRequest, match="3 conversations") as caught:
        choose(LISTED, "0190")
    assert caught.value.hint
    assert "00000003  壁炉边的谈话" in caught.value.hint


def test_what_means_none_says_where_to_look() -> None:
    with pytest.raises(ConversationNotFound) as caught:
        choose(LISTED, "chemistry")
    assert caught.value.hint


def test_a_hostile_title_cannot_steer_the_terminal() -> None:
    with pytest.raises(BadRequest) as caught:
        choose(_listed("a\x1b]52;c;AAAA\x07", "a\x1b[2J"), "a")
    assert caught.value.hint
    assert "\x1b" not in caught.value.hint
