"""Memories across conversations, as methods of the client: `client.memories`."""

from __future__ import annotations

from urllib.parse import quote

from fireside.client.connection import Connection
from fireside.memories import Memories, Memory

_PATH = "/fireside/v1/memories"


class MemoryRoutes:
    """The routes of memories."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> Memories:
        """Return every memory, and whether conversations are given them."""
        return await self._connection.call(Memories, "GET", _PATH)

    async def switch(self, *, on: bool) -> Memories:
        return await self._connection.call(Memories, "PATCH", _PATH, body={"on": on})

    async def add(self, text: str) -> Memory:
        return await self._connection.call(Memory, "POST", _PATH, body={"text": text})

    async def edit(self, memory_id: str, text: str) -> Memory:
        return await self._connection.call(Memory, "PATCH", _of(memory_id), body={"text": text})

    async def forget(self, memory_id: str) -> None:
        await self._connection.fetch("DELETE", _of(memory_id))


def _of(memory_id: str) -> str:
    return f"{_PATH}/{quote(memory_id, safe='')}"
