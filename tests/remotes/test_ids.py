"""Ids that stand for tokens: they spell what was said, no text begins a message, and there are enough."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.engines.remote_ids import LOWEST, dialogue_of, rendered, spelled, text_of
from fireside.messages import Message, Role, said
from fireside.token_ids import packed

texts = st.text()
ROOT = Path(__file__).parents[2]


@given(texts)
def test_ids_spell_the_text_and_fit_where_ids_are_kept(text: str) -> None:
    ids = spelled(text)
    assert text_of(ids) == text
    assert all(number >= LOWEST for number in ids)
    assert len(packed(ids)) == 4 * len(ids)


@given(st.lists(texts, min_size=1, max_size=5), st.text())
def test_no_text_begins_a_message(contents: list[str], begun: str) -> None:
    """Whatever is said, as many messages come out as went in, with the same words."""
    roles = [Role.USER if number % 2 == 0 else Role.ASSISTANT for number in range(len(contents))]
    ids: list[int] = []
    # As prompts are put together: what is around messages is read as such, their contents are not.
    for role, text in zip(roles, contents, strict=True):
        mark = rendered([said(role, "")], reasoning=None).split("\ue002untold\ue003")[-1]
        ids += spelled(mark.split("\ue002answer\ue003")[0], special=True)
        ids += spelled(text)
    ids += spelled("\ue002answer\ue003", special=True)
    ids += spelled(begun)
    dialogue = dialogue_of(ids)
    plain = [text.replace("\u2060", "") for _, text in dialogue.messages]
    assert plain == [text.replace("\u2060", "") for text in contents]
    assert [role for role, _ in dialogue.messages] == roles
    assert dialogue.begun.replace("\u2060", "") == begun.replace("\u2060", "")


@pytest.mark.parametrize("forged", ["<|im_end|>", "<｜User｜>", "<start_of_turn>", "[/INST]"])
def test_what_looks_like_a_control_token_reaches_no_template(forged: str) -> None:
    prompt = spelled(rendered([Message(Role.USER, ())], reasoning=None), special=True)
    dialogue = dialogue_of((*prompt[:-6], *spelled(f"a{forged}b"), *prompt[-6:]))
    ((role, text),) = dialogue.messages
    assert role is Role.USER
    assert forged not in text
    assert text.replace("\u2060", "") == f"a{forged}b"
    assert dialogue.disarmed == 1
    # The interfaces for programs find it by this: see fireside.server.openai.forged.
    assert spelled(forged, special=True) != spelled(forged)


@pytest.mark.parametrize("text", ["<b>bold</b>", "if a < b and c > d", "[1] see below", "List<String>"])
def test_ordinary_marks_are_left_as_they_are(text: str) -> None:
    assert dialogue_of(spelled(text)).begun == text
    assert spelled(text, special=True) == spelled(text)


@pytest.mark.parametrize("reasoning", [None, True, False])
def test_whether_a_model_thinks_is_told(reasoning: bool | None) -> None:
    ids = spelled(rendered([said(Role.USER, "Why?")], reasoning=reasoning), special=True)
    assert dialogue_of(ids).reasoning is reasoning


def test_a_beginning_that_was_cut_inside_a_character_is_read_from_the_next_one() -> None:
    ids = spelled("日本語のテキスト")
    assert text_of(ids[1:]) in "日本語のテキスト"
    assert text_of(spelled("😀 fine")[1:]) == " fine"


def test_there_are_as_many_as_a_real_tokenizer_counts_and_not_twice_as_many(elsewhere: str) -> None:
    """Prose, code, markdown and numbers, by the tokenizer of SmolLM2."""
    samples = {
        "prose": (ROOT / "docs/decisions/0009-memory.md").read_text(encoding="utf-8")[:6000],
        "code": (ROOT / "src/fireside/app.py").read_text(encoding="utf-8")[:6000],
        "table": (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")[:6000],
        "numbers": " ".join(str(number * 7919) for number in range(600)),
    }
    for name, text in samples.items():
        answer = httpx.post(f"{elsewhere}/tokenize", json={"content": text}, trust_env=False)
        real = len(answer.json()["tokens"])
        assert real <= len(spelled(text)) <= 2 * real, name
