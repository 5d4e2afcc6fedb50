"""Server-sent events, read as the WHATWG's HTML standard defines them (section 9.2.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its name, its data, and the id to resume from (None where the stream gave none yet)."""

    name: str
    data: str
    id: str | None = None


@dataclass(slots=True)
class SseReader:
    """Turns lines into events: `feed` returns an event when the line completes one."""

    _id: str | None = None
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> ServerSentEvent | None:
        """Take one line without its end.

        >>> reader = SseReader()
        >>> [reader.feed(line) for line in ["id: 1.0", "event: text", ": a comment", 'data: {}', ""]][-1]
        ServerSentEvent(name='text', data='{}', id='1.0')
        """
        if not line:
            return self._dispatch()
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            self._data.append(value)
        elif key == "event":
            self._name = value
        elif key == "id":
            self._id = value
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        if not data:
            return None
        return ServerSentEvent(name or "message", "\n".join(data), self._id)


async def read_events(pieces: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of a body that arrives in pieces; an unfinished last one is dropped."""
    reader = SseReader()
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            event = reader.feed(line.removesuffix(b"\r").decode("utf-8", errors="replace"))
            if event is not None:
                yield event
