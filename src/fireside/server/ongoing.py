"""Requests that are being answered: waited for when the server ends, cut off when their key is removed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fireside.errors import FiresideError, ServerUnavailable, Unauthorized
from fireside.server.errors import event_at

TELL_S = 1.0
"""how long somebody who was cut off may take to hear it"""
STREAMS = ("text/event-stream", "application/x-ndjson")


class Answering:
    """One request, from its check to the last byte of its answer.

    A route may watch `cut_off` while it makes an answer; a stream that has begun is ended here. An answer
    that is sent as a whole is never cut in two.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._task = asyncio.current_task()
        self._stream: str | None = None
        """the content type of an answer that has begun and goes on and on"""
        self.error: FiresideError | None = None
        """why it was cut off"""
        self.cut_off: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def task(self) -> asyncio.Task[None] | None:
        return self._task

    @property
    def is_work(self) -> bool:
        """Whether it is more than a look: whoever only watches sees the end of what is watched."""
        return self._scope["method"] not in ("GET", "HEAD")

    def was_begun_with(self, ids: Collection[str]) -> bool:
        """Whether the caller's key, or session, is one of `ids`."""
        caller = self._scope["state"].get("caller")
        return caller is not None and (caller.key_id in ids or caller.session_id in ids)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._stream = None  # whoever is cut off from here on has heard everything
        await self._send(message)
        if message["type"] == "http.response.start" and message["status"] != 204:
            headers = Headers(raw=message["headers"])
            if "content-length" not in headers:
                self._stream = headers.get("content-type", "").partition(";")[0]
                if self.error:
                    self._interrupt()

    def cut(self, error: FiresideError) -> None:
        """End the answer with `error`: before it has begun it has that error's status."""
        if self.error is None:
            self.error = error
            self.cut_off.set_result(None)
            if self._stream is not None:
                self._interrupt()

    def _interrupt(self) -> None:
        if self._task:
            self._task.cancel()

    async def tell_end(self) -> None:
        """Send a stream's last event, which says why it ends. Anything else just breaks off."""
        if self._task:
            self._task.uncancel()
        event = event_at(self._scope["path"], self.error) if self.error and self._stream in STREAMS else None
        if event is None:
            return
        try:
            async with asyncio.timeout(TELL_S):
                await self._send({"type": "http.response.body", "body": event, "more_body": False})
        except TimeoutError:
            return


class Ongoing:
    """All requests that are being answered."""

    def __init__(self) -> None:
        self._those: set[Answering] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer a request. Routes find its `Answering` as `request.state.answering`."""
        self._loop = asyncio.get_running_loop()
        answering = scope.setdefault("state", {})["answering"] = Answering(scope, send)
        self._those.add(answering)
        try:
            await app(scope, receive, answering.send)
        except asyncio.CancelledError:
            if answering.error is None:
                raise
            await answering.tell_end()
        finally:
            self._those.discard(answering)
            # Else each request is a ring of objects that waits for the garbage collector.
            del scope["state"]["answering"]

    async def drain(self, timeout_s: float) -> None:
        """Wait for the work that is being done now; cut off what takes longer."""
        await _wait(self._work(), timeout_s)
        late = self._work()
        for answering in late:
            answering.cut(ServerUnavailable("the server is stopping", hint="ask again in a moment"))
        await _wait(late, TELL_S)

    def end_those_of(self, ids: Collection[str]) -> None:
        """Cut off whatever was begun with these keys or sessions, which are good no more. From any thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end, ids)

    def _end(self, ids: Collection[str]) -> None:
        for answering in list(self._those):
            if answering.was_begun_with(ids):
                answering.cut(Unauthorized("the key of this request was removed", hint="use another key"))

    def _work(self) -> list[Answering]:
        return [answering for answering in self._those if answering.is_work]


async def _wait(those: Iterable[Answering], timeout_s: float) -> None:
    if tasks := {answering.task for answering in those if answering.task}:
        await asyncio.wait(tasks, timeout=timeout_s)
