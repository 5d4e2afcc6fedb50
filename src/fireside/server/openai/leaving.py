"""Answers to callers who may leave, or lose their key: either frees what was busy with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

from fireside.errors import FiresideError, ServerUnavailable
from fireside.server.errors import event_at
from fireside.server.ongoing import Answering

T = TypeVar("T")
QUIET_S = 10.0
COMMENT = b": still here\n\n"
"""A line that every reader of server-sent events passes over (WHATWG HTML, section 9.2.6)."""


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`; it is cancelled when the caller hangs up meanwhile, or is cut off."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    answering: Answering = request.state.answering
    try:
        first: set[asyncio.Future[Any]] = {task, leaving, answering.cut_off}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise answering.error or ServerUnavailable("the caller has left", hint="nobody reads this")
        return task.result()
    finally:
        for one in (task, leaving):
            one.cancel()
        await asyncio.wait({task, leaving})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """Server-sent events from a generator that is closed, and so frees its slot, however it ends.

    While nothing is said for `quiet_s` seconds, because a long prompt is read or a model is loaded, it
    says that it is `still_here`: proxies cut off what is silent.
    """

    media_type = "text/event-stream"
    quiet_s = QUIET_S

    def __init__(
        self,
        path: str,
        first: asyncio.Task[bytes],
        events: AsyncGenerator[bytes, None],
        still_here: bytes | None,
    ) -> None:
        super().__init__(_with(path, first, events), headers={"cache-control": "no-store"})
        self._first = first
        self._events = events
        self._still_here = still_here
        self._said = False

    async def stream_response(self, send: Send) -> None:
        keeping = asyncio.create_task(self._keep(send))

        async def saying(message: Message) -> None:
            self._said = True
            if not message.get("more_body", True):
                await _ended(keeping)
            await send(message)

        try:
            await super().stream_response(saying)
        finally:
            with anyio.CancelScope(shield=True):
                await _ended(keeping)
                await _ended(self._first)
                await self._events.aclose()

    async def _keep(self, send: Send) -> None:
        while self._still_here is not None:
            self._said = False
            await asyncio.sleep(self.quiet_s)
            if not self._said:
                await send({"type": "http.response.body", "body": self._still_here, "more_body": True})


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _with(
    path: str, first: asyncio.Task[bytes], events: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    try:
        yield await first
    except FiresideError as error:
        # The status was sent, so that nobody thought this to be dead.
        yield event_at(path, error) or b""
        return
    async for event in events:
        yield event


async def begun(
    request: Request, events: AsyncGenerator[bytes, None], *, still_here: bytes | None = COMMENT
) -> EventStream:
    """Return the stream of `events` once the first one is there: what fails before has its own status.

    After a quiet while the stream begins without it, unless `still_here` is None.
    """
    first = asyncio.create_task(_first(events))
    try:
        await unless_left(request, _at_first(first, None if still_here is None else EventStream.quiet_s))
        if first.done():
            first.result()
    except BaseException:
        await _ended(first)
        raise
    return EventStream(request.url.path, first, events, still_here)


async def _at_first(first: asyncio.Task[bytes], timeout_s: float | None) -> None:
    await asyncio.wait({first}, timeout=timeout_s)


async def _first(events: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(events)
