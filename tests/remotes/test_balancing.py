"""Three real servers with the same model: conversations keep to theirs, also when one of them is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fireside.engines.protocol import Ended, Generated, Origin, Piece
from fireside.engines.remote import RemoteEngine
from fireside.errors import RemoteUnavailable
from fireside.messages import Sampling
from fireside.remotes import replicas
from llama_server import llama_server
from reaching import prompt_of, reached

LONG = prompt_of("Write a very long story about the sea.")


class Three:
    """Three servers by their addresses; each can be killed, and started anew at the same address."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._running: dict[str, ExitStack] = {}
        for _ in range(3):
            self.start()

    def start(self, url: str | None = None) -> None:
        opened = ExitStack()
        port = urlsplit(url).port if url else None
        address = opened.enter_context(llama_server(self._weights, slots=2, port=port or 0))
        self._running[address] = opened

    def kill(self, url: str) -> None:
        self._running.pop(url).close()

    @property
    def urls(self) -> list[str]:
        return list(self._running)

    def busy(self) -> list[str]:
        """Return the addresses of those that are answering."""
        return [url for url in self._running if any(slot["is_processing"] for slot in _slots(url))]

    def close(self) -> None:
        for url in self.urls:
            self.kill(url)


def _slots(url: str) -> list[dict[str, bool]]:
    found: list[dict[str, bool]] = httpx.get(f"{url}/slots", trust_env=False, timeout=60).json()
    return found


@pytest.fixture
def three(smollm2: Path) -> Iterator[Three]:
    servers = Three(smollm2)
    yield servers
    servers.close()


def talk(engine: RemoteEngine, conversation: str, max_tokens: int = 600) -> AsyncGenerator[Generated, None]:
    origin = Origin(conversation, "message")
    return engine.generate(LONG, Sampling(seed=1), max_tokens=max_tokens, origin=origin)


async def where(engine: RemoteEngine, three: Three, conversation: str) -> str:
    """Return which server answers a conversation."""
    async with aclosing(talk(engine, conversation)) as steps:
        async for step in steps:
            if isinstance(step, Piece):
                (url,) = await asyncio.to_thread(three.busy)
                break
    while await asyncio.to_thread(three.busy):
        await asyncio.sleep(0.05)
    return url


async def killed_while_answering(engine: RemoteEngine, three: Three, url: str) -> None:
    """Let the server at `url`, where the conversation `a` is at home, say a first word and no more."""
    async with aclosing(talk(engine, "a")) as steps:
        async for step in steps:
            if isinstance(step, Piece) and url in three.urls:
                await asyncio.to_thread(three.kill, url)


async def test_conversations_keep_to_their_server_while_it_lives(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "FIRST_REST_S", 0.2)
    async with reached(*three.urls) as engine:
        homes = {name: await where(engine, three, name) for name in ("a", "b", "c", "d", "e", "f")}
        assert len(set(homes.values())) > 1
        assert await where(engine, three, "a") == homes["a"]

        with pytest.raises(RemoteUnavailable, match="broke off"):
            await killed_while_answering(engine, three, homes["a"])

        # Its conversations are answered by another one, the others stay where they were.
        others = {name: await where(engine, three, name) for name in homes}
        assert all(others[name] == homes[name] for name in homes if homes[name] != homes["a"])
        assert all(others[name] != homes["a"] for name in homes)

        await asyncio.to_thread(three.start, homes["a"])
        await asyncio.sleep(0.5)
        assert {name: await where(engine, three, name) for name in homes} == homes


async def test_many_at_once_are_all_answered_while_one_is_killed(three: Three) -> None:
    async with reached(*three.urls) as engine:

        async def ask(name: str) -> Generated | RemoteUnavailable:
            try:
                async with aclosing(talk(engine, name, max_tokens=12)) as steps:
                    return [step async for step in steps][-1]
            except RemoteUnavailable as error:
                return error

        await asyncio.to_thread(three.kill, three.urls[0])
        ended = await asyncio.gather(*(ask(f"conversation {number}") for number in range(9)))
    assert all(isinstance(end, Ended) for end in ended)
