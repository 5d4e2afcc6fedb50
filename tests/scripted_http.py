"""An HTTP server that says exactly what a test tells it to, byte by byte: for what a real one rarely does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fireside.runtime import Runtime

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedHttp:
    """Gives one answer after the other, a connection each, and keeps what was asked."""

    answers: list[Answer]
    port: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def runtime(self) -> Runtime:
        return Runtime(1, f"http://127.0.0.1:{self.port}", "secret-token", "0.1.0", "command")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[ScriptedHttp]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _version = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(method, target, headers, body))
        answer = self.answers.pop(0)
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(writer)
        writer.close()
        with contextlib.suppress(OSError):  # whoever asked has hung up already
            await writer.wait_closed()


def answer(body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    """Return a whole answer; `more` are further header lines."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def broken_stream(*pieces: bytes) -> bytes:
    """Return the beginning of a chunked event stream that breaks off after the pieces."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    )


def whole_stream(*pieces: bytes) -> bytes:
    return broken_stream(*pieces) + b"0\r\n\r\n"
