"""What is asked to measure a model is forgotten, however that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fireside.client import AsyncClient, connected
from fireside.client.benching import bench
from fireside.conversations import Conversation
from fireside.errors import NotFound
from fireside.events import Progress
from fireside.settings import Home


class Counting:
    """Remembers the conversations that a client has created."""

    def __init__(self, client: AsyncClient, patch: pytest.MonkeyPatch) -> None:
        self.ids: list[str] = []
        self._create = client.create_conversation
        patch.setattr(client, "create_conversation", self.create)

    async def create(self, **wanted: Any) -> Conversation:
        created = await self._create(**wanted)
        self.ids.append(created.id)
        return created


@pytest.fixture
async def client(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClient]:
    monkeypatch.setenv("FIRESIDE_CONTEXT_LENGTH", "512")
    async with connected(home) as opened:
        yield opened


async def test_conversations_are_gone_when_it_is_done(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = Counting(client, monkeypatch)
    heard: list[Progress] = []
    found = await bench(client, (await client.status()).default_model, heard.append)
    assert found.long.read_tokens <= 512 * 0.75
    assert len(created.ids) > 10
    for identity in created.ids:
        with pytest.raises(NotFound):
            await client.tree(identity)
    shares = [step.done for step in heard if step.stage == "measuring"]
    assert shares == sorted(shares)
    assert shares[-1] == heard[-1].total


async def test_conversations_are_gone_when_it_is_cancelled(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = Counting(client, monkeypatch)
    begun = asyncio.Event()

    def told(step: Progress) -> None:
        if step.stage == "measuring":
            begun.set()

    work = asyncio.create_task(bench(client, (await client.status()).default_model, told))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert created.ids
    for identity in created.ids:
        with pytest.raises(NotFound):
            await client.tree(identity)
    assert (await client.status()).running_replies == 0
