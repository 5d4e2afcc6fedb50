"""What pages of the configured origins may ask for (Fetch standard, section 3.2 "CORS protocol").

Only `allowed_origins` get these headers, each by its own name, never `*`. Cookies aren't offered to
them: such a page sends a key.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Scope, Send

METHODS = "GET, POST, PUT, PATCH, DELETE"
REMEMBERED_S = 600
EXPOSED = "Retry-After, X-Request-Id"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,2000}")


def is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def preflight(origin: str, headers: Headers) -> Response:
    """Return the answer to a browser that asks on behalf of an allowed origin what it may send."""
    wanted = headers.get("access-control-request-headers", "")
    allowed = wanted if _HEADER_NAMES.fullmatch(wanted) else ""
    return Response(
        status_code=204,
        headers={
            "access-control-allow-origin": origin,
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": allowed,
            "access-control-max-age": str(REMEMBERED_S),
            "vary": "Origin",
        },
    )


def shared(send: Send, origin: str) -> Send:
    """Return `send` with headers that let a page of `origin` read the answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = EXPOSED
            headers.add_vary_header("Origin")
        await send(message)

    return sending
