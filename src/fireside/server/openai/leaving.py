"""Answers to callers who may leave, or lose their key: either frees what was busy with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

from fireside.errors import ServerUnavailable
from fireside.server.ongoing import Answering

T = TypeVar("T")


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
    """Server-sent events from a generator that is closed, and so frees its slot, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, first: bytes, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(_with(first, events), headers={"cache-control": "no-store"})
        self._events = events

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._events.aclose()


async def _with(first: bytes, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for event in events:
        yield event


async def begun(request: Request, events: AsyncGenerator[bytes, None]) -> EventStream:
    """Return the stream of `events` once the first one is there: what fails before has its own status."""
    return EventStream(await unless_left(request, _first(events)), events)


async def _first(events: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(events)
