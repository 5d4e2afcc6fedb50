"""Drafts from the text itself change how fast words come, and nothing else: tried with the real model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from random import Random

import msgspec
import pytest

from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import Ended, Generated, ModelFile, Origin, Piece
from fireside.memory.snapshots import Snapshots
from fireside.messages import Sampling
from fireside.profiles import Tuned
from fireside.settings import Settings
from fireside.tuning.texts import told

GREEDY = Sampling(temperature=0.0)
WRITTEN = 64


class Metrics(msgspec.Struct):
    """What the engine tells of its drafts."""

    draft_n: int = 0
    draft_n_accepted: int = 0


class Answer(msgspec.Struct):
    timings: Metrics


@pytest.fixture
def drafting(model: ModelFile) -> ModelFile:
    return msgspec.structs.replace(model, tuned=Tuned(speculation="ngram"))


@pytest.fixture
async def drafter(drafting: ModelFile, settings: Settings) -> AsyncIterator[LlamaCppEngine]:
    engine = await start(drafting, settings)
    yield engine
    await engine.aclose()


async def an_edit(engine: LlamaCppEngine, seed: int = 1) -> tuple[int, ...]:
    """Return a prompt that asks for a text once more, of which so much can be drafted."""
    return await engine.tokenize(await engine.render(told("editing", Random(seed))), special=True)


async def generated(
    engine: LlamaCppEngine,
    prompt: tuple[int, ...],
    sampling: Sampling = GREEDY,
    *,
    max_tokens: int = WRITTEN,
    origin: Origin | None = None,
) -> list[Generated]:
    events = engine.generate(prompt, sampling, max_tokens=max_tokens, origin=origin)
    async with aclosing(events):
        return [event async for event in events]


def ids_in(events: list[Generated]) -> tuple[int, ...]:
    return tuple(number for event in events if isinstance(event, Piece) for number in event.ids)


def ended(events: list[Generated]) -> Ended:
    assert isinstance(events[-1], Ended)
    return events[-1]


async def test_much_of_a_copy_is_drafted_and_accepted(drafter: LlamaCppEngine) -> None:
    asked = {"prompt": await an_edit(drafter), "n_predict": WRITTEN, "temperature": 0}
    async with aclosing(drafter.relay("/completion", msgspec.json.encode(asked))) as data:
        answer = msgspec.json.decode(b"".join([piece async for piece in data]), type=Answer)
    assert answer.timings.draft_n_accepted > WRITTEN // 4


@pytest.mark.parametrize("seed", [1, 3])
async def test_the_same_is_said_as_without_drafts(
    drafter: LlamaCppEngine, engine: LlamaCppEngine, seed: int
) -> None:
    prompt = await an_edit(engine, seed)
    drafted, plain = [await generated(one, prompt) for one in (drafter, engine)]
    assert ids_in(drafted) == ids_in(plain)
    assert ended(drafted) == ended(plain)


async def test_the_same_is_said_again_whatever_was_asked_meanwhile(drafter: LlamaCppEngine) -> None:
    prompt = await an_edit(drafter)
    first = await generated(drafter, prompt)
    for other in (2, 3):
        await generated(drafter, await an_edit(drafter, other), max_tokens=16)
    assert ids_in(await generated(drafter, prompt)) == ids_in(first)


async def test_every_token_has_its_id_and_the_limit_holds(drafter: LlamaCppEngine) -> None:
    prompt = await an_edit(drafter)
    for limit in (1, 7, 50):
        events = await generated(drafter, prompt, max_tokens=limit)
        assert len(ids_in(events)) == limit == ended(events).completion_tokens


async def test_what_was_drafted_and_said_is_not_read_again(drafter: LlamaCppEngine) -> None:
    prompt = await an_edit(drafter)
    said = ids_in(await generated(drafter, prompt))
    tail = await drafter.tokenize("<|im_end|>\n<|im_start|>user\nGo on.<|im_end|>\n", special=True)
    cached = ended(await generated(drafter, (*prompt, *said, *tail), max_tokens=2)).cached_tokens
    assert cached is not None
    assert cached >= len(prompt) + len(said) - 1


async def test_a_conversation_is_saved_and_found_again_after_a_restart(
    drafting: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    vault = Snapshots.open(tmp_path / "snapshots", 1 << 30, keeps=lambda conversation: True)
    owner = Origin("alice", "m1")
    first = await start(drafting, settings, vault=vault)
    prompt = await an_edit(first)
    said = ids_in(await generated(first, prompt, origin=owner))
    await first.aclose()
    second = await start(drafting, settings, vault=vault)
    cached = ended(await generated(second, (*prompt, *said, 504), origin=owner)).cached_tokens
    await second.aclose()
    assert cached is not None
    assert cached >= len(prompt) + len(said) - 2


async def test_a_reply_that_is_cut_short_leaves_a_slot_that_goes_on(
    drafter: LlamaCppEngine, engine: LlamaCppEngine
) -> None:
    prompt = await an_edit(drafter)
    said: list[int] = []
    async with aclosing(drafter.generate(prompt, GREEDY, max_tokens=900)) as events:
        async for event in events:
            if isinstance(event, Piece):
                said += event.ids
            if len(said) > 40:
                break
    on = await generated(drafter, (*prompt, *said), max_tokens=16)
    assert ids_in(on) == ids_in(await generated(engine, (*prompt, *said), max_tokens=16))


async def test_several_at_once_draft_without_harm(drafting: ModelFile, settings: Settings) -> None:
    many = msgspec.structs.replace(drafting, tuned=Tuned(speculation="ngram", slots=6))
    engine = await start(many, settings)
    prompts = [await an_edit(engine, seed) for seed in range(6)]
    answers = await asyncio.gather(*(generated(engine, prompt) for prompt in prompts))
    assert all(len(ids_in(answer)) == ended(answer).completion_tokens > 16 for answer in answers)
    assert engine.alive
    await engine.aclose()
