"""`fireside.Chat`: the same chat for programs without an event loop, and for notebooks that run one.

Everything is done by `AsyncChat` on an event loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import functools
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from fireside.client.chats import AsyncChat, SamplingArguments
from fireside.conversations import ReplyRecord, StoredMessage

T = TypeVar("T")
_STOP_S = 10.0
"""How long an interrupted program waits for the server to hear of it."""


class Chat:
    """One conversation with a model on this machine.

        bob = fireside.Chat(system="Bob is a professor in Physics.", me="Alice", you="Bob")
        for piece in bob.ask("What is Newtonian mechanics?"):
            print(piece, end="", flush=True)

    The server is started when it isn't running. A new conversation is created with the first question
    and keeps these settings; with `conversation=` an earlier one is continued, and what is given here
    counts for the turns of this object. A `temporary` one is never listed and goes when the server does.
    A wrong value raises BadRequest, which names the argument.
    """

    def __init__(
        self,
        *,
        system: str | None = None,
        me: str | None = None,
        you: str | None = None,
        format: str | None = None,  # noqa: A002 - the word of the command line and of the API
        model: str | None = None,
        persona: str | None = None,
        conversation: str | None = None,
        temporary: bool = False,
        **sampling: Unpack[SamplingArguments],
    ) -> None:
        self._chat = AsyncChat(
            system=system,
            me=me,
            you=you,
            format=format,
            model=model,
            persona=persona,
            conversation=conversation,
            temporary=temporary,
            **sampling,
        )
        weakref.finalize(self, _let_go, self._chat).atexit = False
        _chats.add(self)

    @property
    def conversation_id(self) -> str | None:
        """The conversation's id; None before the first question."""
        return self._chat.conversation_id

    @property
    def last(self) -> ReplyRecord | None:
        """The last reply with its usage, timings and receipt; None before one has ended."""
        return self._chat.last

    @property
    def messages(self) -> tuple[StoredMessage, ...]:
        """The branch that is shown, oldest message first, as the server has it now."""
        return _loop().run(self._chat.messages())

    def ask(self, text: str) -> Iterator[str]:
        """Yield the reply to `text` piece by piece.

        Leaving the loop early (or Ctrl-C) stops the reply; what was said until then is kept.
        The error that ends a failed reply is raised after its last piece.
        """
        return _pieces(self._chat.ask(text))

    def say(self, text: str) -> str:
        """Return the whole reply to `text`."""
        return _loop().run(self._chat.say(text))

    def regenerate(self) -> Iterator[str]:
        """Yield another reply to the last question; the earlier one stays on a branch of its own."""
        return _pieces(self._chat.regenerate())

    def close(self) -> None:
        """Let go of the connection. The conversation and the server stay."""
        _loop().run(self._chat.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _pieces(pieces: AsyncGenerator[str, None]) -> Iterator[str]:
    loop = _loop()
    loop.begun.add(pieces)
    try:
        while (piece := loop.run(_next(pieces))) is not None:
            yield piece
    finally:
        if pieces in loop.begun:
            loop.begun.discard(pieces)
            loop.run(pieces.aclose())


async def _next(pieces: AsyncGenerator[str, None]) -> str | None:
    return await anext(pieces, None)


_chats: weakref.WeakSet[Chat] = weakref.WeakSet()


def _let_go(chat: AsyncChat) -> None:
    """Close the connection of a chat that was dropped; whoever collects it waits for nothing."""
    if _loop.cache_info().currsize:
        _loop().start(chat.close())


class _Loop:
    """An event loop in a thread of its own, and the replies that are being read on it."""

    def __init__(self) -> None:
        self.begun: set[AsyncGenerator[str, None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fireside", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out `work` without waiting for it; nothing happens once the program ends."""
        if self._loop.is_closed():
            work.close()
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out `work` and return its result; an interruption cancels it and lets it tidy up first."""
        result: concurrent.futures.Future[T] = concurrent.futures.Future()
        begun: list[asyncio.Task[T]] = []

        def begin() -> None:
            begun.append(self._loop.create_task(work))
            begun[0].add_done_callback(lambda task: _hand_over(task, result))

        self._loop.call_soon_threadsafe(begin)
        try:
            return result.result()
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in begun])
            concurrent.futures.wait([result], timeout=_STOP_S)
            raise

    def close(self) -> None:
        """Stop the replies that an ending program was still reading, and end the thread."""
        for pieces in [*self.begun]:
            self.begun.discard(pieces)
            self.run(pieces.aclose())
        for chat in [*_chats]:
            chat.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._loop.close()


def _hand_over(task: asyncio.Task[T], result: concurrent.futures.Future[T]) -> None:
    if task.cancelled():
        result.set_exception(asyncio.CancelledError())
    elif error := task.exception():
        result.set_exception(error)
    else:
        result.set_result(task.result())


@functools.cache
def _loop() -> _Loop:
    return _Loop()


if hasattr(os, "register_at_fork"):  # a thread doesn't come along into a fork, nor do its connections
    os.register_at_fork(after_in_child=_loop.cache_clear)
    os.register_at_fork(after_in_child=_chats.clear)
