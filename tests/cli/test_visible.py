"""What others wrote is shown, and never obeyed."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from fireside.cli.visible import visible, visible_line

CONTROLS = st.characters(categories=["Cc", "Cf", "Cs"]) | st.characters()


@given(st.text(CONTROLS))
def test_no_control_character_but_newline_and_tab_is_left(text: str) -> None:
    left = {character for character in visible(text) if unicodedata.category(character) in ("Cc", "Cs")}
    assert left <= {"\n", "\t"}
    visible(text).encode()


@given(st.text(CONTROLS))
def test_a_line_stays_one_line(text: str) -> None:
    assert not {"\n", "\r", "\t"} & set(visible_line(text))


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"])))
def test_words_of_every_language_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_joined_signs_and_direction_marks_stay() -> None:
    assert visible("👩‍🔬 \u200f‎") == "👩‍🔬 \u200f‎"


def test_a_direction_override_is_shown() -> None:
    assert visible("\u202egpj.exe") == "<U+202E>gpj.exe"
