"""Reads a question while it is being typed, so that hardly anything is left to read when it is sent.

What is typed and not sent is told to an engine of this machine and to nothing else: it is in no store, log or
snapshot. Like all that is done ahead it gives way at once, and nothing is loaded for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from fireside.assembly import Assembler, layout_of
from fireside.compaction import read
from fireside.conversations import Conversation, ReplyStatus, StoredMessage
from fireside.engines.protocol import Engine, ModelFile, Origin
from fireside.engines.spare import undisturbed
from fireside.errors import FiresideError
from fireside.messages import Defaults, Role, TextPart
from fireside.past import History

SETTLES_S = 0.05
"""What is replaced within this time costs nothing."""
AGAIN_S = 1.0
TRIES = 60
"""while the engine is in use; who types on tells it anew"""
MOST_CONVERSATIONS = 64
"""that are read along, or remembered, at a time"""
log = logging.getLogger(__name__)


class Store(History, Protocol):
    """What this needs of the store."""

    def conversation(self, conversation_id: str) -> Conversation: ...


class Engines(Protocol):
    """What this needs of the engines room."""

    def spare(self, file: ModelFile) -> AbstractAsyncContextManager[Engine | None]: ...


class Unsent(msgspec.Struct, frozen=True):
    """What somebody types after the message `head_id`, and with what its reply would be made.

    A text that ends with white space surely goes on; any other may be the whole question.
    """

    conversation_id: str
    head_id: str | None
    text: str
    defaults: Defaults
    file: ModelFile
    store: Store

    @property
    def goes_on(self) -> bool:
        return self.text[-1:].isspace()

    @property
    def question(self) -> StoredMessage:
        """The message that this would be now."""
        text = self.text.rstrip() if self.goes_on else self.text
        return StoredMessage(
            id="",
            conversation_id=self.conversation_id,
            parent_id=self.head_id,
            role=Role.USER,
            parts=(TextPart(text),),
            status=ReplyStatus.COMPLETE,
            created_at=0,
        )


class ReadingAlong:
    """Reads what is being typed, one conversation at a time."""

    def __init__(
        self,
        engines: Engines,
        assembler: Assembler,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engines = engines
        self._assembler = assembler
        self._sleep = sleep
        self._reading: OrderedDict[str, asyncio.Task[None]] = OrderedDict()
        """by conversation"""
        self._begun: OrderedDict[str, str | None] = OrderedDict()
        """by conversation: the head after which it was given a slot that held nothing of it"""
        self._one = asyncio.Lock()
        self._closed = False

    def hear(self, unsent: Unsent) -> None:
        """Read what is typed now, as soon as nobody needs the engine, instead of what was typed before."""
        conversation_id = unsent.conversation_id
        self.forget(conversation_id)
        if self._closed or not unsent.text.strip():
            return
        reading = asyncio.create_task(self._along(unsent))
        self._reading[conversation_id] = reading
        reading.add_done_callback(lambda reading: self._ended(conversation_id, reading))
        if len(self._reading) > MOST_CONVERSATIONS:
            self.forget(next(iter(self._reading)))

    def forget(self, conversation_id: str) -> None:
        """Read nothing more of what is typed in a conversation: it was deleted, or its text was."""
        if reading := self._reading.pop(conversation_id, None):
            reading.cancel()

    async def aclose(self) -> None:
        """End what is being read."""
        self._closed = True
        reading = [*self._reading.values()]
        for one in reading:
            one.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    def _ended(self, conversation_id: str, reading: asyncio.Task[None]) -> None:
        if self._reading.get(conversation_id) is reading:
            del self._reading[conversation_id]

    async def _along(self, unsent: Unsent) -> None:
        await self._sleep(SETTLES_S)
        for _ in range(TRIES):
            if await undisturbed(self._try(unsent)):
                break
            await self._sleep(AGAIN_S)

    async def _try(self, unsent: Unsent) -> bool:
        """Read it while nobody asks for anything; return whether there was the time for it."""
        try:
            async with self._one, self._engines.spare(unsent.file) as engine:
                if engine is None:
                    return False
                await self._read(unsent, engine)
        except FiresideError as error:
            log.info("conversation %s is not read along: %s", unsent.conversation_id, error)
        except Exception:  # what is done ahead must not end what is asked for
            log.exception("conversation %s can't be read along", unsent.conversation_id)
        return True

    async def _read(self, unsent: Unsent, engine: Engine) -> None:
        info = engine.info
        if info.place != "here" or not info.takes_token_ids or not info.cuttable:
            return
        conversation = await asyncio.to_thread(unsent.store.conversation, unsent.conversation_id)
        if conversation.head_id != unsent.head_id or conversation.deleted_at is not None:
            return  # it was sent meanwhile, or the conversation went on elsewhere
        branch = await asyncio.to_thread(unsent.store.branch, unsent.head_id) if unsent.head_id else ()
        typed = await self._assembler.typed(
            unsent.store,
            branch,
            unsent.question,
            layout_of(unsent.defaults, has_template=info.has_template),
            engine,
            max_tokens=unsent.defaults.sampling.max_tokens,
            goes_on=unsent.goes_on,
        )
        if typed and self._has_place(unsent, engine):
            origin = Origin(unsent.conversation_id, unsent.head_id or "", sent_tokens=typed.sent)
            await read(engine, typed.ids, origin)

    def _has_place(self, unsent: Unsent, engine: Engine) -> bool:
        """Return whether a slot holds something of the conversation, or may be taken for it.

        Whoever types is there, and is about to ask: so one is taken, but only once before it is sent. Two who
        type in turns must not take it from each other again and again.
        """
        conversation_id, head_id = unsent.conversation_id, unsent.head_id
        if any(held.origin.conversation_id == conversation_id for held in engine.held()):
            return True
        if conversation_id in self._begun and self._begun[conversation_id] == head_id:
            return False
        self._begun[conversation_id] = head_id
        self._begun.move_to_end(conversation_id)
        if len(self._begun) > MOST_CONVERSATIONS:
            self._begun.popitem(last=False)
        return True
