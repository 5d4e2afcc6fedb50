"""Around everything: gives each request an id, counts it, and writes its line in the log."""

from __future__ import annotations

import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fireside.metrics import METHODS, Metrics
from fireside.server import logs

HARMLESS = re.compile(rb"[A-Za-z0-9._-]{1,64}")
NO_ROUTE = "none"
LEFT = 499
"""The client closed the connection before there was an answer (nginx's number for it)."""


class Counted:
    """ASGI middleware: `x-request-id` in every answer, the request's own where that is harmless."""

    def __init__(self, inner: ASGIApp, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        identity = _given(scope) or secrets.token_hex(8).encode()
        begun, status = time.monotonic(), LEFT

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity)]
            await send(message)

        token = logs.request_id.set(identity.decode("ascii"))
        try:
            await self._inner(scope, receive, sending)
        finally:
            self._note(scope, status, (time.monotonic() - begun) * 1000)
            logs.request_id.reset(token)

    def _note(self, scope: Scope, status: int, spent_ms: float) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in METHODS else "other"
        caller = scope.get("state", {}).get("caller")
        self._metrics.request(method, route, status)
        who = getattr(caller, "who", None)
        logs.write_request(method, route, status, spent_ms, who, failed=status >= 500)


def _given(scope: Scope) -> bytes | None:
    """Return the id that the client wishes for, if it is short and has nothing to be escaped."""
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    return given[0] if len(given) == 1 and HARMLESS.fullmatch(given[0]) else None
