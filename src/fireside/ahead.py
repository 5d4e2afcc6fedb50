"""What is done while nobody waits: a digest that the next turn will need, reading ahead, and a snapshot.

A reply's end is followed by a short quiet; then the conversation is made ready for whoever comes back.
All of it gives way at once: somebody's request ends it (`Engines.spare`), nothing here holds a place in
a line, and an error costs the readiness and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from fireside.assembly import Assembler, History
from fireside.compaction import make_ready
from fireside.engines.protocol import Engine, ModelFile
from fireside.engines.spare import undisturbed
from fireside.errors import FiresideError
from fireside.running import Running, Store

QUIET_S = 2.0
"""after a reply's end: whoever answers at once finds the machine to themselves"""
LATER_S = 60.0
"""after that: then all of it is saved, however little is new"""
NEW_SHARE = 0.1
"""Saved at once when so much of it is new. A state is written whole: each short turn would be too often."""
TRIES = 5
log = logging.getLogger(__name__)


class Idle(msgspec.Struct, frozen=True):
    """A conversation whose reply has ended and is stored."""

    conversation_id: str
    reply_id: str
    file: ModelFile
    store: Store


MakeReady = Callable[[str, Assembler, History, Engine], Awaitable[Sequence[int] | None]]
"""As `compaction.make_ready`."""


class Engines(Protocol):
    """What this needs of the engines room."""

    def spare(self, file: ModelFile) -> AbstractAsyncContextManager[Engine | None]: ...


class Ahead:
    """Makes conversations ready, one at a time."""

    def __init__(
        self,
        engines: Engines,
        assembler: Assembler,
        *,
        make_ready: MakeReady = make_ready,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engines = engines
        self._assembler = assembler
        self._making = make_ready
        self._sleep = sleep
        self._caring: dict[str, asyncio.Task[None]] = {}
        """by conversation"""
        self._one = asyncio.Lock()
        self._closed = False

    def ended(self, running: Running) -> None:
        """Hear that a reply has ended and is stored."""
        file, conversation_id = running.draft.file, running.conversation_id
        self.forget(conversation_id)
        if file is None or self._closed:
            return
        care = asyncio.create_task(self._care(Idle(conversation_id, running.id, file, running.store)))
        self._caring[conversation_id] = care
        care.add_done_callback(lambda care: self._cared(conversation_id, care))

    def forget(self, conversation_id: str) -> None:
        """Do nothing more for a conversation: it was deleted, or goes on."""
        if care := self._caring.pop(conversation_id, None):
            care.cancel()

    async def aclose(self) -> None:
        """End what is being done."""
        self._closed = True
        caring = [*self._caring.values()]
        for care in caring:
            care.cancel()
        await asyncio.gather(*caring, return_exceptions=True)

    def _cared(self, conversation_id: str, care: asyncio.Task[None]) -> None:
        if self._caring.get(conversation_id) is care:
            del self._caring[conversation_id]

    async def _care(self, idle: Idle) -> None:
        for _ in range(TRIES):
            await self._sleep(QUIET_S)
            if await undisturbed(self._make_ready(idle)):
                break
        await self._sleep(LATER_S)
        await undisturbed(self._save(idle))

    async def _make_ready(self, idle: Idle) -> bool:
        return await self._with_engine(
            idle,
            lambda engine: self._making(idle.reply_id, self._assembler, idle.store, engine),
            lambda engine: engine.save(idle.conversation_id, new_share=NEW_SHARE),
        )

    async def _save(self, idle: Idle) -> bool:
        return await self._with_engine(idle, lambda engine: engine.save(idle.conversation_id))

    async def _with_engine(self, idle: Idle, *steps: Callable[[Engine], Awaitable[object]]) -> bool:
        """Take the steps while nobody asks for anything; return whether there was the time for it."""
        try:
            async with self._one, self._engines.spare(idle.file) as engine:
                if engine is None:
                    return False
                for step in steps:
                    await step(engine)
        except FiresideError as error:
            log.info("conversation %s is not made ready: %s", idle.conversation_id, error)
        except Exception:  # what is done ahead must not end what is asked for
            log.exception("conversation %s can't be made ready", idle.conversation_id)
        return True
