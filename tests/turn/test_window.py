"""What stays in the window, and that a receipt accounts for every message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.errors import ContextLengthExceeded
from fireside.messages import Role
from fireside.window import Budget, Given, Sized, check_question, first_kept, make_receipt

SIZES = st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=40)


def conversation(sizes: list[int]) -> list[Sized]:
    """Return messages of these sizes, the last one a person's."""
    roles = [Role.USER, Role.ASSISTANT]
    first = (len(sizes) + 1) % 2
    return [Sized(str(at), roles[(at + first) % 2], size) for at, size in enumerate(sizes)]


@given(SIZES, st.integers(min_value=40, max_value=200))
def test_the_newest_messages_that_fit_stay_and_the_last_always(sizes: list[int], budget: int) -> None:
    messages = conversation(sizes)
    start = first_kept(messages, budget)
    assert sum(sizes[start:]) <= budget
    assert messages[start].role is Role.USER
    earlier = [at for at in range(start) if messages[at].role is Role.USER]
    assert not earlier or sum(sizes[earlier[-1] :]) > budget, "one more turn would have fitted"


@given(SIZES)
def test_a_reply_keeps_the_question_that_it_answers(sizes: list[int]) -> None:
    messages = [*conversation(sizes), Sized("reply", Role.ASSISTANT, 1000)]
    assert messages[first_kept(messages, 10)].id == str(len(sizes) - 1)


def test_a_question_that_alone_is_too_long_is_refused_with_counts() -> None:
    with pytest.raises(ContextLengthExceeded, match=r"takes 500 tokens; 90 are free"):
        check_question(500, 10, 100)
    with pytest.raises(ContextLengthExceeded, match=r"system text .* 120 tokens; 100 are free"):
        check_question(5, 120, 100)


def test_no_more_than_a_quarter_of_the_window_is_kept_for_a_reply() -> None:
    assert Budget.of(512, 500).prompt == 384


@given(st.integers(min_value=256, max_value=200_000), st.integers(min_value=1, max_value=9000) | st.none())
def test_a_compacted_prompt_has_room_for_the_next_turns(context_length: int, max_tokens: int | None) -> None:
    budget = Budget.of(context_length, max_tokens)
    compacted = int(budget.prompt * 0.6)
    assert compacted < budget.compact_at <= context_length * 0.75
    assert budget.digest < compacted
    assert budget.compact_at + budget.recall < budget.prompt


@given(
    st.lists(st.booleans(), min_size=1, max_size=30),
    st.sets(st.integers(min_value=0, max_value=29)),
    st.none() | st.just("a digest"),
)
def test_a_receipt_accounts_for_every_message(
    said: list[bool], included: set[int], digest: str | None
) -> None:
    branch = [str(at) for at in range(len(said))]
    held = tuple(branch[at] for at in sorted(included) if at < len(said) and said[at])
    empty = frozenset(id_ for id_, words in zip(branch, said, strict=True) if not words)
    given = Given(held, empty, digest)
    receipt = make_receipt(branch, given, context_length=512, prompt_tokens=50)
    assert sorted((*receipt.included, *receipt.omitted, *receipt.digested)) == sorted(branch)
    assert bool(receipt.reason) == (len(receipt.included) < len(branch))
    assert not digest or set(receipt.omitted) == empty
