"""What is done while nobody waits: a digest that the next turn will need, its reading, and a snapshot.

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
from fireside.compaction import compact_ahead
from fireside.engines.protocol import Engine, ModelFile
from fireside.errors import FiresideError
from fireside.running import Running, Store

QUIET_S = 2.0
"""after a reply's end: whoever answers at once finds the machine to themselves"""
MOST_S = 120.0
"""of work for one conversation; a digest on a slow machine takes long, and never for ever"""
log = logging.getLogger(__name__)


class Idle(msgspec.Struct, frozen=True):
    """A conversation whose reply has ended and is stored."""

    conversation_id: str
    reply_id: str
    file: ModelFile
    store: Store


Compact = Callable[[str, Assembler, History, Engine], Awaitable[Sequence[int] | None]]
"""As `compaction.compact_ahead`."""


class Engines(Protocol):
    """What this needs of the engines room."""

    def spare(self, file: ModelFile) -> AbstractAsyncContextManager[Engine | None]: ...


class Ahead:
    """Makes conversations ready, one at a time, the one that fell idle last first."""

    def __init__(
        self,
        engines: Engines,
        assembler: Assembler,
        *,
        compact: Compact = compact_ahead,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engines = engines
        self._assembler = assembler
        self._compact = compact
        self._sleep = sleep
        self._waiting: dict[str, Idle] = {}
        """by conversation"""
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def ended(self, running: Running) -> None:
        """Hear that a reply has ended and is stored."""
        file = running.draft.file
        if file is None or self._closed:
            return
        self._waiting.pop(running.conversation_id, None)
        self._waiting[running.conversation_id] = Idle(
            running.conversation_id, running.id, file, running.store
        )
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="ahead")

    def forget(self, conversation_id: str) -> None:
        """Do nothing more for a conversation: it was deleted."""
        self._waiting.pop(conversation_id, None)

    async def aclose(self) -> None:
        """End what is being done."""
        self._closed = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._waiting:
            await self._sleep(QUIET_S)
            if not self._waiting:
                return
            _, idle = self._waiting.popitem()
            ready = asyncio.create_task(self._make_ready(idle))
            try:
                await asyncio.wait([ready], timeout=MOST_S)
            finally:
                ready.cancel()
                await asyncio.wait([ready])

    async def _make_ready(self, idle: Idle) -> None:
        """Compact, read ahead and save; whoever asks for a place cancels this task."""
        try:
            async with self._engines.spare(idle.file) as engine:
                if engine is None:
                    return
                await self._compact(idle.reply_id, self._assembler, idle.store, engine)
                await engine.save(idle.conversation_id)
        except FiresideError as error:
            log.info("conversation %s is not made ready: %s", idle.conversation_id, error)
        except Exception:  # what is done ahead must not end what is asked for
            log.exception("making conversation %s ready failed", idle.conversation_id)
