"""Errors in Anthropic's shape (Anthropic's API reference, "Errors")."""

from __future__ import annotations

from typing import Literal

import msgspec

from fireside.errors import FiresideError
from fireside.server.errors import message_of, status_of

Kind = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "overloaded_error",
]
KINDS: dict[int, Kind] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Fault(msgspec.Struct, frozen=True):
    """`hint` is Fireside's own: what to do about it."""

    type: Kind
    message: str
    hint: str | None = None


class Failure(msgspec.Struct, tag_field="type", tag="error", frozen=True):
    error: Fault


def failure_of(error: FiresideError, status: int) -> bytes:
    kind = KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return msgspec.json.encode(Failure(Fault(kind, message_of(error), error.hint)))


def failure_event(error: FiresideError) -> bytes:
    """Return the event that ends a stream which had begun."""
    return b"event: error\ndata: %b\n\n" % failure_of(error, status_of(error))
