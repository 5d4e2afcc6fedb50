"""The socket that the server listens on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from fireside.server.listening import listen


@pytest.mark.anyio
async def test_small_answers_are_sent_at_once() -> None:
    """Else a kept-alive connection waits 40 ms for each answer that is written in two pieces."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listen("127.0.0.1", 0) as listening:
        async with await asyncio.start_server(accept, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            assert await accepted
            writer.close()
            await writer.wait_closed()
