"""What is made ready while nobody waits, and what ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fireside.ahead import LATER_S, QUIET_S, TRIES, Ahead
from fireside.assembly import Assembler, History
from fireside.engines.protocol import Engine, ModelFile
from fireside.errors import EngineCrashed
from fireside.replies import Replies
from talk import MakeTalk, Talk


class Machine:
    """A pool with one engine, and a clock that stands still until `pass_time`."""

    def __init__(self, talk: Talk) -> None:
        self.engine: Engine | None = talk.engine
        self.working: asyncio.Task[Any] | None = None
        self.did: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self._sleeping: list[tuple[float, asyncio.Event]] = []
        self.ahead = Ahead(self, Assembler(), make_ready=self.make_ready, sleep=self.sleep)
        talk.replies = Replies(talk.replies._parts, stored=self.ahead.ended)

    @asynccontextmanager
    async def spare(self, file: ModelFile) -> AsyncIterator[Engine | None]:
        self.working = asyncio.current_task()
        yield self.engine

    async def make_ready(
        self, reply_id: str, assembler: Assembler, history: History, engine: Engine
    ) -> Sequence[int] | None:
        self.did.append(reply_id)
        await self.gate.wait()
        if self.failure:
            raise self.failure
        return None

    async def sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        self._sleeping.append((seconds, over))
        await over.wait()

    async def pass_time(self, seconds: float) -> None:
        """Let those go on who sleep for so long, and everything run that can run."""
        for duration, over in self._sleeping:
            if duration == seconds:
                over.set()
        self._sleeping = [(duration, over) for duration, over in self._sleeping if not over.is_set()]
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def talk(make_talk: MakeTalk) -> Talk:
    return make_talk()


@pytest.fixture
async def machine(talk: Talk) -> AsyncIterator[Machine]:
    machine = Machine(talk)
    yield machine
    await machine.ahead.aclose()


async def answered(talk: Talk, machine: Machine) -> str:
    reply = await talk.ask("Hello")
    await machine.pass_time(-1)
    return reply.id


async def test_a_quiet_conversation_is_compacted_then_saved_and_later_wholly_saved(
    talk: Talk, machine: Machine
) -> None:
    reply = await answered(talk, machine)
    assert machine.did == []
    await machine.pass_time(QUIET_S)
    assert machine.did == [reply]
    assert talk.engine.saved == [talk.conversation.id]
    await machine.pass_time(LATER_S)
    assert talk.engine.saved == [talk.conversation.id] * 2


async def test_the_next_reply_begins_it_anew(talk: Talk, machine: Machine) -> None:
    await answered(talk, machine)
    second = await answered(talk, machine)
    await machine.pass_time(QUIET_S)
    assert machine.did == [second]


async def test_whoever_asks_ends_it_and_it_is_tried_again_later(talk: Talk, machine: Machine) -> None:
    reply = await answered(talk, machine)
    machine.gate.clear()
    await machine.pass_time(QUIET_S)
    assert machine.working is not None
    machine.working.cancel()
    await machine.pass_time(-1)
    assert talk.engine.saved == []
    machine.gate.set()
    await machine.pass_time(QUIET_S)
    assert machine.did == [reply, reply]
    assert talk.engine.saved == [talk.conversation.id]


async def test_a_machine_that_is_always_busy_is_asked_a_few_times_only(talk: Talk, machine: Machine) -> None:
    machine.engine = None
    await answered(talk, machine)
    for _ in range(TRIES + 3):
        await machine.pass_time(QUIET_S)
    await machine.pass_time(LATER_S)
    assert machine.did == []
    assert machine.ahead._caring == {}


@pytest.mark.parametrize("failure", [EngineCrashed("gone", hint="ask again"), ValueError("a fault of ours")])
async def test_an_error_costs_nobody_a_reply(
    talk: Talk, machine: Machine, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    machine.failure = failure
    await answered(talk, machine)
    with caplog.at_level(logging.INFO):
        await machine.pass_time(QUIET_S)
    assert talk.conversation.id in caplog.text
    assert "Hello" not in caplog.text
    machine.failure = None
    second = await answered(talk, machine)
    await machine.pass_time(QUIET_S)
    assert machine.did[-1] == second


async def test_a_deleted_conversation_is_left_alone(talk: Talk, machine: Machine) -> None:
    await answered(talk, machine)
    machine.ahead.forget(talk.conversation.id)
    await machine.pass_time(QUIET_S)
    assert machine.did == []


async def test_closing_ends_what_is_being_done(talk: Talk, machine: Machine) -> None:
    await answered(talk, machine)
    machine.gate.clear()
    await machine.pass_time(QUIET_S)
    await machine.ahead.aclose()
    assert machine.working is not None
    assert machine.working.done()
    await answered(talk, machine)
    assert machine.ahead._caring == {}
