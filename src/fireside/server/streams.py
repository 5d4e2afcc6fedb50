"""Long work told as server-sent events: `progress`, then its result or `failed`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse

from fireside.errors import FiresideError
from fireside.events import Event, Failed
from fireside.server.errors import SEE_LOG, tell_endings

Tell = Callable[[Event], None]
QUIET_S = 15.0
log = logging.getLogger(__name__)


def tell_progress(work: Callable[[Tell], Awaitable[msgspec.Struct]]) -> Response:
    """Return an answer that runs `work` and streams the events which it tells.

    Only the newest event is kept for a slow reader. Leaving ends the work: what it has done so far
    (half a download) is there for the next time.
    """
    return StreamingResponse(
        _stream(work), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _stream(work: Callable[[Tell], Awaitable[msgspec.Struct]]) -> AsyncIterator[bytes]:
    async with aclosing(told(work)) as events:
        async for event in events:
            yield b": still here\n\n" if event is None else _event(event)


async def told(
    work: Callable[[Tell], Awaitable[msgspec.Struct]],
) -> AsyncGenerator[msgspec.Struct | None, None]:
    """Run `work` and yield what it tells, at last its result or `Failed`; None after a quiet while."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    newest: list[Event] = []

    def tell(event: Event) -> None:
        newest[:] = [event]
        loop.call_soon_threadsafe(changed.set)

    task = asyncio.ensure_future(work(tell))
    task.add_done_callback(lambda _: changed.set())
    try:
        while not task.done():
            try:
                await asyncio.wait_for(changed.wait(), QUIET_S)
            except TimeoutError:
                yield None
            changed.clear()
            if newest:
                yield newest.pop()
        yield _outcome(task)
    finally:
        task.cancel()


def _outcome(task: asyncio.Future[msgspec.Struct]) -> msgspec.Struct:
    try:
        return task.result()
    except FiresideError as error:
        return Failed(error.code, error.message, error.hint)
    except Exception as error:  # the stream must say its end
        log.error("work that was watched failed", exc_info=error)
        return Failed(FiresideError.code, "something went wrong inside the server", SEE_LOG)


def _failed(error: FiresideError) -> bytes:
    return _event(Failed(error.code, error.message, error.hint))


def _event(event: msgspec.Struct) -> bytes:
    name = str(type(event).__struct_config__.tag).encode()
    return b"event: %b\ndata: %b\n\n" % (name, msgspec.json.encode(event))


tell_endings("/fireside/v1/", _failed)
