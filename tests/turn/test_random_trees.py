"""Whatever is said, in whatever tree, within whatever window: the promises hold."""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.assembly import Typed
from fireside.compaction import make_ready
from fireside.conversations import ReplyStatus, StoredMessage
from fireside.errors import ContextLengthExceeded
from fireside.messages import Defaults, PromptFormat, Receipt, Sampling
from fireside.window import Budget
from planted import FACTS
from talk import MakeTalk, Talk

WORDS = st.lists(
    st.sampled_from([fact.told for fact in FACTS] + ["And so on.", "我的猫叫团团。", "Why?", "x" * 90]),
    min_size=1,
    max_size=6,
).map(" ".join)


class Step(NamedTuple):
    """What somebody does: `back` counts messages from the head."""

    what: Literal["ask", "again", "edit", "pin", "idle"]
    text: str
    back: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["ask", "ask", "ask", "ask", "again", "edit", "pin", "idle"]),
        WORDS,
        st.integers(min_value=0, max_value=12),
    ),
    min_size=4,
    max_size=30,
)


async def play(talk: Talk, steps: list[Step], budget: Budget) -> None:
    for step in steps:
        head = talk.store.conversation(talk.conversation.id).head_id
        branch = talk.store.branch(head) if head else ()
        chosen = branch[max(0, len(branch) - 1 - step.back)] if branch else None
        if chosen is None or step.what == "ask":
            typed = [await talk.typed(text) for text in (step.text[: step.back] + " ", step.text)]
            reply = talk.begin(step.text)
            await check(talk, reply, budget)
            check_typed(talk, reply, typed)
        elif step.what == "pin":
            talk.pin(chosen.id)
        elif step.what == "idle":
            ready = await make_ready(branch[-1].id, talk.assembler, talk.store, talk.engine)
            talk.ready[branch[-1].id] = ready or ()
        elif step.what == "again":
            await check(talk, talk.begin_again(branch[-1]), budget)
        else:
            talk.store.update_conversation(talk.conversation.id, head_id=chosen.parent_id)
            await check(talk, talk.begin(step.text), budget)


async def check(talk: Talk, reply: StoredMessage, budget: Budget) -> None:
    """One reply: it failed only for a question that doesn't fit, or all of the promises hold."""
    await talk.watch(reply)
    reply = talk.store.message(reply.id)
    branch = talk.store.branch(reply.id)
    if reply.status is not ReplyStatus.COMPLETE:
        assert reply.failure
        assert reply.failure.code == ContextLengthExceeded.code
        assert len(branch[-2].text) > budget.prompt // 3
        return
    receipt, prompt = talk.store.receipt(reply.id), talk.engine.asked[-1].prompt
    assert receipt
    assert len(prompt) == receipt.prompt_tokens <= budget.prompt
    check_partition(branch[:-1], receipt)
    for message in branch[:-1]:
        if message.id in receipt.included:
            assert message.text in talk.engine.asked[-1].text
    if receipt.digest:
        assert receipt.digest in talk.engine.asked[-1].text
    check_growth(talk, branch, receipt, prompt)


def check_partition(branch: tuple[StoredMessage, ...], receipt: Receipt) -> None:
    ids = [message.id for message in branch]
    assert sorted((*receipt.included, *receipt.digested, *receipt.omitted)) == sorted(ids)
    assert bool(receipt.reason) == (len(receipt.included) < len(ids))
    assert set(receipt.recalled) <= {*receipt.digested, *receipt.omitted}
    assert bool(receipt.digest) == bool(receipt.digested)


def check_typed(talk: Talk, reply: StoredMessage, typed: list[Typed | None]) -> None:
    """What was known while the question was typed is what its prompt begins with, if all of it fits."""
    prompt, (begun, whole) = talk.prompts.get(reply.id, ()), typed
    if whole and prompt:
        assert whole.ids in (prompt[:-1], prompt[: whole.sent])
        if begun:
            assert prompt[: len(begun.ids)] == begun.ids


def check_growth(
    talk: Talk, branch: tuple[StoredMessage, ...], receipt: Receipt, prompt: tuple[int, ...]
) -> None:
    """The prompt before and its reply are this one's beginning, unless the window moved between them."""
    talk.prompts[branch[-1].id] = prompt
    if len(branch) < 4:
        return
    before = talk.store.receipt(branch[-3].id)
    kept = talk.store.token_ids([branch[-3].id], talk.file.identity).get(branch[-3].id)
    asked = talk.prompts.get(branch[-3].id)

    same = before and (before.digested, before.omitted) == (receipt.digested, receipt.omitted)
    if same and kept and asked:
        assert prompt[: len(asked) + len(kept)] == (*asked, *kept)
        ready = talk.ready.get(branch[-3].id, ())
        assert prompt[: len(ready)] == ready, "what was read ahead is what the next prompt begins with"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    STEPS,
    st.integers(min_value=500, max_value=2500),
    st.sampled_from([None, 20, 4000]),
    st.sampled_from([None, "You are a helpful friend."]),
    st.sampled_from(list(PromptFormat)),
    st.integers(min_value=1, max_value=120),
)
def test_the_promises_hold_in_random_trees(
    steps: list[Step],
    context_length: int,
    max_tokens: int | None,
    system: str | None,
    form: PromptFormat,
    reply_size: int,
) -> None:
    defaults = Defaults(
        model="scripted", system=system, format=form, sampling=Sampling(seed=1, max_tokens=max_tokens)
    )
    make = MakeTalk()
    talk = make(lambda prompt: f"Yes {'so ' * reply_size}", context_length=context_length, defaults=defaults)
    talk.store.memory.switch(is_on=True)
    talk.store.memory.add("My sister is a doctor.")
    try:
        asyncio.run(play(talk, steps, Budget.of(context_length, max_tokens)))
    finally:
        make.stores[0].close()
