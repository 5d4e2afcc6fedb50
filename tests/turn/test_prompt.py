"""What fits, what a receipt says, and that prompts only grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.errors import ContextLengthExceeded
from fireside.messages import Role
from fireside.prompt import Budget, Sized, frames_of, make_receipt, marked, window_start

SIZES = st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=40)


def conversation(sizes: list[int]) -> list[Sized]:
    roles = [Role.USER, Role.ASSISTANT]
    first = (len(sizes) + 1) % 2
    return [Sized(str(at), roles[(at + first) % 2], size) for at, size in enumerate(sizes)]


@given(SIZES, st.integers(min_value=40, max_value=200))
def test_the_newest_messages_that_fit_stay_and_the_last_always(sizes: list[int], budget: int) -> None:
    messages = conversation(sizes)
    start = window_start(messages, budget)
    assert sum(message.tokens for message in messages[start:]) <= budget
    assert 0 <= start < len(messages)
    assert start == 0 or messages[start].role is Role.USER


@given(SIZES, st.integers(min_value=100, max_value=200))
def test_the_window_moves_rarely_and_never_back(sizes: list[int], budget: int) -> None:
    starts = [0]
    for end in range(1, len(sizes) + 1, 2):
        starts.append(starts[-1] + window_start(conversation(sizes[:end])[starts[-1] :], budget))
    assert starts == sorted(starts)
    moved = [(at, sum(sizes[at:])) for at in set(starts) if at]
    assert len(moved) <= 1 + sum(sizes) / (budget * 0.4)


def test_a_question_that_alone_is_too_long_is_refused_with_counts() -> None:
    with pytest.raises(ContextLengthExceeded, match=r"takes 500 tokens; 100 are free"):
        window_start([Sized("a", Role.USER, 500)], 100)


def test_no_more_than_a_quarter_of_the_window_is_kept_for_a_reply() -> None:
    assert Budget.of(512, 500).prompt == 384


@given(st.lists(st.sampled_from([Role.USER, Role.ASSISTANT]), min_size=1, max_size=20))
def test_every_message_has_its_place_in_the_frames(roles: list[Role]) -> None:
    rendered = "".join(f"<{message.role}>{message.text}" for message in marked(roles)) + "<assistant>"
    frames = frames_of(rendered)
    assert [frame.index for frame in frames] == [*range(len(roles)), None]
    assert frames[-1].text == "<assistant>"


@given(st.integers(min_value=1, max_value=30), st.integers(min_value=0, max_value=29))
def test_a_receipt_accounts_for_every_message(count: int, start: int) -> None:
    branch = [str(at) for at in range(count)]
    receipt = make_receipt(branch, branch[min(start, count - 1) :], context_length=100, prompt_tokens=50)
    assert sorted((*receipt.included, *receipt.omitted, *receipt.digested)) == sorted(branch)
    assert bool(receipt.omitted) == bool(receipt.reason)
