"""What is cut and dropped from a reply, whatever pieces it comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.tidy import Cuts, Tidy, loops, speaker_turns

TRANSCRIPT = Cuts(turns=speaker_turns("Alice", "Bob", ""), labels=("Bob:",))


def tidied(text: str, cuts: Cuts, sizes: list[int] | None = None) -> tuple[str, str, Tidy]:
    """Feed `text` in pieces of the given sizes (one character each when they run out)."""
    tidy = Tidy(cuts)
    shown = thought = ""
    at = 0
    for size in [*(sizes or []), *[1] * len(text)]:
        piece = text[at : at + size]
        at += size
        if tidy.ended or not piece:
            break
        now = tidy.feed(piece, tuple(map(ord, piece)) if size == 1 else (at,))
        shown, thought = shown + now.text, thought + now.reasoning
    if not tidy.ended:
        now = tidy.finish()
        shown, thought = shown + now.text, thought + now.reasoning
    return shown, thought, tidy


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (" Force is mass times acceleration.\nAlice: Why?", "Force is mass times acceleration."),
        (" Inertia.\nA: What is the law of inertia?", "Inertia."),
        ("Bob: It falls.\nBob: It falls again.", "It falls."),
        ("\n\n  It falls.", "It falls."),
        (" Bobsled racing", "Bobsled racing"),
        (" Bob", "Bob"),
        ("One.\n\nTwo.", "One.\n\nTwo."),
        ("It ends in space   \n\n", "It ends in space"),
        (" All of \nAlic", "All of \nAlic"),
        ("\nAlice: What is it?", ""),
        (" Alice is here", "Alice is here"),
    ],
)
def test_a_transcript_shows_only_its_own_speaker(said: str, shown: str) -> None:
    assert tidied(said, TRANSCRIPT)[0] == shown


def test_a_newline_as_stop_string_waits_for_the_first_word() -> None:
    shown, _, tidy = tidied("\n\n Newton.\nMore", Cuts(stops=("\n",)))
    assert shown == "Newton."
    assert tidy.ended == "stop"


def test_template_tokens_that_were_spelled_out_end_the_reply() -> None:
    assert tidied("Fine.<|im_end|>\n<|im_start|>user", Cuts(turns=("<|im_end|>",)))[0] == "Fine."


def test_reasoning_is_told_apart_from_the_answer() -> None:
    shown, thought, tidy = tidied("<think>\nHm.</think>\n\nYes.", Cuts())
    assert (shown, thought) == ("Yes.", "\nHm.")
    ids, rest = tidy.kept_ids()
    assert "".join(map(chr, ids)) + rest == "\n\nYes."


def test_reasoning_that_the_template_began_is_reasoning() -> None:
    assert tidied("Hm.</think>Yes.", Cuts(reasoning=True))[:2] == ("Yes.", "Hm.")


def test_a_continued_reply_keeps_its_first_space() -> None:
    assert tidied(" and so on", Cuts(begun=True))[0] == " and so on"


def test_a_loop_is_stopped() -> None:
    said = "I like tea. " * 40
    shown, _, tidy = tidied(said, Cuts())
    assert tidy.ended == "repetition"
    assert 0 < len(shown) < len(said)


def test_ordinary_repetition_is_no_loop() -> None:
    assert not loops([1, 2, 3] * 5)
    assert not loops([number % 50 for number in range(150)])


def test_a_cut_inside_a_token_is_spelled_out_apart() -> None:
    tidy = Tidy(Cuts(stops=("\n",)))
    tidy.feed("Hello", (1,))
    tidy.feed("!\nMore", (2,))
    assert tidy.kept_ids() == ((1,), "!")


def test_what_people_wrote_themselves_is_no_invented_turn() -> None:
    assert "\nQ:" not in speaker_turns("Alice", "Bob", "Q: what?\nA: this")


CHUNKS = st.lists(st.integers(min_value=1, max_value=7), max_size=30)
TEXTS = st.text(alphabet="ab \nABQ:l<|im_end|>ice", max_size=60)


@given(TEXTS, CHUNKS)
def test_the_pieces_do_not_matter(text: str, sizes: list[int]) -> None:
    cuts = Cuts(stops=("ab\n",), turns=(*TRANSCRIPT.turns, "<|im_end|>"), labels=("Bob:",))
    assert tidied(text, cuts, sizes)[0] == tidied(text, cuts)[0]


@given(TEXTS, CHUNKS)
def test_kept_ids_spell_what_was_shown(text: str, sizes: list[int]) -> None:
    cuts = Cuts(stops=("ab\n",), turns=("<|im_end|>",))
    shown, _, tidy = tidied(text, cuts)
    ids, rest = tidy.kept_ids()
    assert ("".join(map(chr, ids)) + rest).strip() == shown.strip()
    assert all(cut not in shown for cut in ("ab\n", "<|im_end|>"))
