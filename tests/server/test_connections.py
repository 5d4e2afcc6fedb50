"""Connections that say nothing, and too many of them, don't make the server deaf."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from fireside.server import connections
from fireside.server.connections import GuardedProtocol, raise_file_limit

REQUEST = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


class Quick(GuardedProtocol):
    most_open = 5
    head_s = 0.3
    made: ClassVar[list[weakref.ref[GuardedProtocol]]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.made.append(weakref.ref(self))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server with the limits of `Quick` on a free port."""
    config = uvicorn.Config(PlainTextResponse("ok"), http=Quick, log_config=None, lifespan="off", port=0)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def said(port: int, data: bytes) -> bytes:
    """Return everything that the server answers to `data` until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("half", [b"", b"GET / HTTP/1.1\r\nhost: 127"])
async def test_a_silent_connection_is_closed(port: int, half: bytes) -> None:
    assert b"200" not in await said(port, half)


async def test_one_too_many_is_told_to_come_again(port: int) -> None:
    waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(Quick.most_open)]
    refused = await said(port, REQUEST)
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after" in refused
    for reader, writer in waiting:
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    assert b"200 OK" in await said(port, REQUEST)


async def test_an_open_connection_keeps_no_request_and_a_closed_one_nothing(port: int) -> None:
    Quick.made.clear()
    gc.disable()  # what only the collector finds stays for long in a busy server
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST.replace(b"connection: close\r\n", b""))
            assert await reader.readuntil(b"ok") != b""
            (made,) = Quick.made
            async with asyncio.timeout(10):
                while (protocol := made()) is None or protocol.cycle or protocol.scope:
                    await asyncio.sleep(0)
            del protocol
        writer.close()
        async with asyncio.timeout(10):
            while made() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


def test_the_limit_follows_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 512))
    assert raise_file_limit() == 512 - connections.SPARE_FILES
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1_000_000))
    assert raise_file_limit() == connections.MOST_OPEN
    assert asked == [(512, 512), (connections.MOST_OPEN + connections.SPARE_FILES, 1_000_000)]
