"""Server-sent events of a server that nobody vouches for (WHATWG HTML, section 9.2.6), within bounds."""

from __future__ import annotations

from fireside.errors import EngineError

MOST_EVENT_BYTES = 2**20


class Events:
    r"""Cuts a byte stream into the data of its events; comments and other fields are passed over.

    >>> events = Events("office")
    >>> events.feed(b': ping\r\n\r\ndata: {"a"\r\n'), events.feed(b'data: :1}\r\n\r\ndata: [DONE]\n\n')
    ([], [b'{"a"\n:1}', b'[DONE]'])
    """

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, received: bytes) -> list[bytes]:
        """Return what is complete now; EngineError for an event without an end."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        found = []
        for line in lines:
            bare = line.removesuffix(b"\r")
            if not bare and self._data:
                found.append(b"\n".join(self._data))
                self._data, self._size = [], 0
            elif bare.startswith(b"data:"):
                self._take(bare[5:].removeprefix(b" "))
        if len(self._rest) > MOST_EVENT_BYTES:
            raise self._endless()
        return found

    def _take(self, data: bytes) -> None:
        self._data.append(data)
        self._size += len(data)
        if self._size > MOST_EVENT_BYTES:
            raise self._endless()

    def _endless(self) -> EngineError:
        return EngineError(
            f"{self._remote} sent an event without an end", hint="check that its address is right"
        )
