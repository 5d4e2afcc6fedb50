"""Longer work that the server tells the steps of."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TypeVar

import msgspec

from fireside.client.connection import Connection, Disconnected
from fireside.client.sse import ServerSentEvent
from fireside.errors import from_code
from fireside.events import Failed, Progress

T = TypeVar("T")


async def steps_of(
    connection: Connection, path: str, body: object, last: str, kind: type[T]
) -> AsyncGenerator[Progress | T, None]:
    """Yield the steps of a longer work, and at the end what the event `last` brings."""
    async with connection.events("POST", path, body=body) as events:
        async for event in events:
            if event.name == last:
                yield msgspec.json.decode(event.data, type=kind)
                return
            yield _step(event)
    raise Disconnected(
        f"the server at {connection.runtime.address} broke off", hint="do it again: it goes on where it was"
    )


def _step(event: ServerSentEvent) -> Progress:
    if event.name == "failed":
        failed = msgspec.json.decode(event.data, type=Failed)
        raise from_code(failed.code, failed.message, hint=failed.hint)
    return msgspec.json.decode(event.data, type=Progress)
