"""Reading what is being typed: when, what ends it, and where it is left alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from fireside.engines.protocol import Engine, ModelFile
from fireside.errors import EngineError
from fireside.reading_along import AGAIN_S, SETTLES_S, TRIES, ReadingAlong
from scripted import text_of
from talk import MakeTalk, Talk


class Machine:
    """A pool with one engine, and a clock that stands still until `pass_time`."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.is_free = True
        self.working: asyncio.Task[Any] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.waiting = 0
        """those that can't go on before the test lets them"""
        self._sleeping: list[tuple[float, asyncio.Event]] = []
        self.reading = ReadingAlong(self, talk.assembler, sleep=self.sleep)

    @asynccontextmanager
    async def spare(self, file: ModelFile) -> AsyncIterator[Engine | None]:
        self.working = asyncio.current_task()
        if not self.is_free:
            yield None
            return
        await self._wait(self.gate)
        if self.failure:
            raise self.failure
        yield self.talk.engine

    async def sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        self._sleeping.append((seconds, over))
        await self._wait(over)

    async def _wait(self, event: asyncio.Event) -> None:
        self.waiting += 1
        try:
            await event.wait()
        finally:
            self.waiting -= 1

    async def pass_time(self, seconds: float) -> None:
        """Let those go on who sleep for so long, and everything run that can run."""
        for duration, over in self._sleeping:
            if duration == seconds:
                over.set()
        self._sleeping = [(duration, over) for duration, over in self._sleeping if not over.is_set()]
        for _ in range(20):
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            while len(self.reading._reading) > self.waiting:
                await asyncio.sleep(0.001)

    async def type(self, text: str) -> None:
        """Type so, and give it the time to be read."""
        self.reading.hear(self.talk.unsent(text))
        await self.pass_time(-1)
        await self.pass_time(SETTLES_S)

    @property
    def read(self) -> list[str]:
        """The prompts that were read, and nothing else."""
        return [text_of(asked.prompt) for asked in self.talk.engine.asked if asked.max_tokens == 0]


@pytest.fixture
async def talk(make_talk: MakeTalk) -> Talk:
    talk = make_talk()
    await talk.ask("Hello.")
    return talk


@pytest.fixture
async def machine(talk: Talk) -> AsyncIterator[Machine]:
    machine = Machine(talk)
    yield machine
    await machine.reading.aclose()


async def test_what_was_typed_is_not_read_again_when_it_is_sent(talk: Talk, machine: Machine) -> None:
    for text in ("How is ", "How is the ", "How is the weather?"):
        await machine.type(text)
    assert [text.rpartition("user\n")[2] for text in machine.read] == [
        "How is",
        "How is the",
        "How is the weather?<|im_end|>\n<|im_start|>assistant",
    ]
    usage = (await talk.ask("How is the weather?")).usage
    assert usage
    assert usage.cached_tokens == usage.prompt_tokens - 1


async def test_what_the_engine_holds_of_the_conversation_ends_before_the_words(
    talk: Talk, machine: Machine
) -> None:
    await machine.type("How is")
    (held,) = talk.engine.held()
    assert held.origin.sent_tokens is not None
    assert "How" not in text_of(talk.engine.asked[-1].prompt[: held.origin.sent_tokens])


async def test_of_two_texts_in_a_row_only_the_last_is_read(talk: Talk, machine: Machine) -> None:
    for text in ("One", "Another"):
        machine.reading.hear(talk.unsent(text))
    await machine.pass_time(-1)
    await machine.pass_time(SETTLES_S)
    assert len(machine.read) == 1
    assert "Another" in machine.read[0]


@pytest.mark.parametrize("text", ["", " \n"])
async def test_a_text_that_was_deleted_is_read_no_further(talk: Talk, machine: Machine, text: str) -> None:
    machine.gate.clear()
    await machine.type("A secret")
    await machine.type(text)
    machine.gate.set()
    await machine.pass_time(-1)
    assert machine.read == []
    assert machine.reading._reading == {}


async def test_while_the_engine_is_in_use_it_waits_without_a_place_and_then_reads(machine: Machine) -> None:
    machine.is_free = False
    await machine.type("How is")
    assert machine.read == []
    machine.is_free = True
    await machine.pass_time(AGAIN_S)
    assert len(machine.read) == 1


async def test_it_gives_up_where_the_engine_is_never_free(machine: Machine) -> None:
    machine.is_free = False
    await machine.type("How is")
    for _ in range(TRIES + 1):
        await machine.pass_time(AGAIN_S)
    assert machine.reading._reading == {}


async def test_whoever_asks_ends_it_and_what_was_sent_meanwhile_is_not_read(
    talk: Talk, machine: Machine
) -> None:
    machine.gate.clear()
    await machine.type("How is the weather?")
    assert machine.working is not None
    machine.working.cancel()
    await machine.pass_time(-1)
    machine.gate.set()
    await talk.ask("How is the weather?")
    await machine.pass_time(AGAIN_S)
    assert machine.read == []
    assert machine.reading._reading == {}


async def test_whoever_was_disturbed_by_somebody_else_is_read_later(machine: Machine) -> None:
    machine.gate.clear()
    await machine.type("How is the weather?")
    assert machine.working is not None
    machine.working.cancel()
    await machine.pass_time(-1)
    machine.gate.set()
    await machine.pass_time(AGAIN_S)
    assert len(machine.read) == 1


@pytest.mark.parametrize(
    "changes", [{"place": "elsewhere"}, {"takes_token_ids": False}, {"cuttable": False}], ids=str
)
async def test_engines_elsewhere_or_that_cannot_go_back_are_left_alone(
    talk: Talk, machine: Machine, changes: dict[str, Any]
) -> None:
    talk.engine._info = msgspec.structs.replace(talk.engine.info, **changes)
    talk.engine.tokenized.clear()
    await machine.type("A secret")
    assert machine.read == []
    assert talk.engine.tokenized == []


async def test_a_conversation_in_the_trash_is_left_alone(talk: Talk, machine: Machine) -> None:
    talk.store.trash(talk.conversation.id)
    await machine.type("How is")
    assert machine.read == []


async def test_a_slot_is_taken_once_for_whoever_comes_back_and_types(talk: Talk, machine: Machine) -> None:
    talk.engine._held.clear()
    await machine.type("How ")
    assert len(machine.read) == 1
    talk.engine._held.clear()
    await machine.type("How is ")
    assert len(machine.read) == 1, "another one has taken it"
    await talk.ask("How is the weather?")
    talk.engine._held.clear()
    await machine.type("And ")
    assert len(machine.read) == 2


@pytest.mark.parametrize("failure", [EngineError("it failed", hint="ask again"), ValueError("A secret")])
async def test_an_error_is_logged_without_the_words(
    talk: Talk, machine: Machine, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    machine.failure = failure
    with caplog.at_level(logging.DEBUG, "fireside"):
        await machine.type("A secret")
    assert talk.conversation.id in "".join(record.getMessage() for record in caplog.records)
    assert "secret" not in "".join(record.getMessage() for record in caplog.records)
    machine.failure = None
    await machine.type("A question")
    assert len(machine.read) == 1


async def test_closing_ends_it(machine: Machine) -> None:
    machine.gate.clear()
    await machine.type("How is")
    await machine.reading.aclose()
    assert machine.working is not None
    assert machine.working.done()
    await machine.type("How is the")
    assert machine.reading._reading == {}
