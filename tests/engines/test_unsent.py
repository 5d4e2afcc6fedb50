"""What a real engine has read of a text that nobody has sent: found again, and never written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import Ended, Generated, ModelFile, Origin, Piece, Reading
from fireside.memory.snapshots import Snapshots
from fireside.messages import Sampling
from fireside.settings import Settings
from fireside.token_ids import packed

LIVELY = Sampling(temperature=1.2, seed=3)
SENT = tuple(300 + at * 7 for at in range(120))
WORDS = tuple(9000 + at for at in range(20))
SENT_AND_ASKED, BOB = Origin("alice", "m2"), Origin("bob", "m1")
UNSENT = Origin("alice", "m1", sent_tokens=len(SENT))
Begin = Callable[..., Awaitable[LlamaCppEngine]]


@pytest.fixture
def vault(tmp_path: Path) -> Snapshots:
    return Snapshots.open(tmp_path / "snapshots", 1 << 30)


@pytest.fixture
async def begin(model: ModelFile, settings: Settings, vault: Snapshots) -> AsyncIterator[Begin]:
    engines: list[LlamaCppEngine] = []

    async def begin(*, slots: int = 1) -> LlamaCppEngine:
        engines.append(await start(model, msgspec.structs.replace(settings, slots=slots), vault=vault))
        return engines[-1]

    yield begin
    for engine in engines:
        await engine.aclose()


async def generated(
    engine: LlamaCppEngine, prompt: tuple[int, ...], origin: Origin, *, max_tokens: int = 24
) -> list[Generated]:
    events = engine.generate(prompt, LIVELY, max_tokens=max_tokens, origin=origin)
    async with aclosing(events):
        return [event async for event in events]


async def type_(engine: LlamaCppEngine, *words: int) -> list[Generated]:
    return await generated(engine, (*SENT, *words), UNSENT, max_tokens=0)


async def stopped_before_it_begins(engine: LlamaCppEngine, prompt: tuple[int, ...], origin: Origin) -> None:
    """Ask, and stop once the prompt has a slot and before the engine has begun with it."""
    asked = engine.generate(prompt, LIVELY, max_tokens=5, origin=origin)
    beginning = asyncio.ensure_future(anext(asked))
    while not engine._keeper._slots.all[0].busy:
        await asyncio.sleep(0)
    beginning.cancel()
    await asyncio.wait([beginning])
    await asked.aclose()


def said(events: list[Generated]) -> tuple[int, ...]:
    return tuple(number for event in events if isinstance(event, Piece) for number in event.ids)


def cached(events: list[Generated]) -> int | None:
    assert isinstance(events[-1], Ended)
    return events[-1].cached_tokens


def on_disk(vault: Snapshots) -> bytes:
    return b"".join(path.read_bytes() for path in vault.folder.iterdir())


async def test_the_same_is_said_whether_it_was_typed_or_asked_at_once(begin: Begin) -> None:
    prompt = (*SENT, *WORDS, 5, 6)
    told = []
    for steps in ([], [WORDS[:4], WORDS[:9], WORDS, (*WORDS, 5)], [WORDS[:4], (1, 2, 3), WORDS, (*WORDS, 5)]):
        engine = await begin()
        await generated(engine, SENT, Origin("alice", "m1"), max_tokens=0)
        for step in steps:
            await type_(engine, *step)
        told.append(said(events := await generated(engine, prompt, SENT_AND_ASKED)))
        assert cached(events) == (len(prompt) - 2 if steps else len(SENT))
    assert told[0] == told[1] == told[2]
    assert len(told[0]) > 10


async def test_a_single_token_is_left_for_later(begin: Begin) -> None:
    """Read alone, it would be multiplied by another kernel than with others."""
    engine = await begin()
    await type_(engine, *WORDS[:4])
    again, further = await type_(engine, *WORDS[:5]), await type_(engine, *WORDS[:6])
    assert not any(isinstance(event, Reading) for event in again)
    assert any(isinstance(event, Reading) for event in further)


async def test_no_word_of_it_is_written_when_the_engine_ends_or_another_takes_the_slot(
    begin: Begin, vault: Snapshots
) -> None:
    engine = await begin()
    await type_(engine, *WORDS)
    await generated(engine, tuple(range(700, 900)), BOB)
    assert packed(SENT) in on_disk(vault)
    await type_(engine, *WORDS)
    await engine.aclose()
    assert len(vault.of("alice")) == 1
    assert vault.of("alice")[0].tokens == len(SENT)
    assert packed(WORDS[:2]) not in on_disk(vault)
    again = await begin()
    assert cached(await generated(again, (*SENT, 1, 2), SENT_AND_ASKED)) == len(SENT)


async def test_words_that_were_deleted_are_not_written_either(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    await type_(engine, *WORDS)
    await type_(engine, *WORDS[:2])
    await engine.save("alice")
    await type_(engine, *WORDS)
    await stopped_before_it_begins(engine, (*SENT, 5, 6, 7), SENT_AND_ASKED)
    await engine.save("alice")
    await engine.aclose()
    assert packed(SENT) in on_disk(vault)
    assert packed(WORDS[:2]) not in on_disk(vault)


async def test_what_is_deleted_while_it_is_read_is_not_written(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    reading = engine.generate(tuple(range(300, 900)), LIVELY, max_tokens=0, origin=SENT_AND_ASKED)
    async with aclosing(reading):
        async for event in reading:
            assert isinstance(event, Reading)
            if event.done_tokens > len(SENT):
                engine.forget("alice")
                break
    await engine.save()
    await engine.aclose()
    assert on_disk(vault) == b""


async def test_what_another_left_behind_a_prompt_that_was_stopped_is_not_written_as_its_own(
    begin: Begin, vault: Snapshots
) -> None:
    engine = await begin()
    await generated(engine, (*SENT, *WORDS), SENT_AND_ASKED, max_tokens=0)
    engine.forget("alice")
    await stopped_before_it_begins(engine, (*SENT, 5, 6, 7), BOB)
    await engine.save()
    assert packed(SENT) in on_disk(vault)
    assert packed(WORDS[:2]) not in on_disk(vault)


async def test_what_is_asked_for_again_with_nothing_new_is_saved_as_soon_as_ever(
    begin: Begin, vault: Snapshots
) -> None:
    engine = await begin()
    for _ in range(2):
        await generated(engine, SENT, Origin("alice", "m1"), max_tokens=0)
    await engine.save("alice", new_share=0.1)
    assert packed(SENT) in on_disk(vault)


async def test_what_was_sent_is_saved_with_its_words(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    await type_(engine, *WORDS)
    await generated(engine, (*SENT, *WORDS, 5, 6), SENT_AND_ASKED, max_tokens=2)
    await engine.save("alice")
    assert packed((*SENT, *WORDS)) in on_disk(vault)
