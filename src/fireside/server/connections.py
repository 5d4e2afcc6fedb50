"""Limits on connections: a silent one is closed, one too many is told to come again.

Without them a few hundred connections that say nothing make a server deaf (slow-loris), and
asyncio logs every accept that fails for want of a descriptor.
"""

from __future__ import annotations

import asyncio
import sys
import time
from email.utils import formatdate

from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 64
HEAD_S = 10.0
"""how long the head of the first request may take"""
MOST_OPEN = 2000
SPARE_FILES = 200
"""descriptors for the database, the engines and everything else"""
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def raise_file_limit() -> int:
    """Allow as many open files as this process may have; return how many connections that carries."""
    if sys.platform == "win32":
        return MOST_OPEN
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST_OPEN if soft == resource.RLIM_INFINITY else max(16, min(MOST_OPEN, soft - SPARE_FILES))


def no_core_dumps() -> None:
    """A crash must not write everybody's words to the disk."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class GuardedProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1, with a limit on open connections and on silence, and the date by its own clock.

    Uvicorn keeps the last request of every connection that stays open, and in a ring of references, so that
    only the garbage collector ends it: both are undone here, or a thousand visitors leave 36 MB behind.
    """

    most_open = MOST_OPEN
    head_s = HEAD_S
    _silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_open:
            transport.write(BUSY)
            transport.close()
            return
        self._silence = self.loop.call_later(self.head_s, self._close_if_silent)

    def data_received(self, data: bytes) -> None:
        date = (b"date", formatdate(time.time(), usegmt=True).encode())
        self.server_state.default_headers = [date, *self.config.encoded_headers]
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._hear()
        self._forget_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._hear()
        self._forget_request()

    def _hear(self) -> None:
        """Stop waiting for the first request: a timer would keep everything of a connection that is gone."""
        if self._silence:
            self._silence.cancel()
            self._silence = None

    def _forget_request(self) -> None:
        self.cycle = self.scope = self.headers = None  # type: ignore[assignment]

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()
