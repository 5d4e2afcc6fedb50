"""A full queue: nothing that can't be answered soon is stored, and what was taken is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from fireside.app import App
from fireside.engines.leases import Engines
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import ScriptedEngine, ScriptedStart
from visiting import CHATS

ADDRESS = "http://127.0.0.1:3473"
SLOTS = 2
"""of a scripted engine"""


class Busy:
    """A server whose engine says one letter and then waits until it is let go; one request may wait."""

    def __init__(self, app: App, engine: ScriptedEngine, go: asyncio.Event, http: httpx.AsyncClient) -> None:
        self.app = app
        self.engine = engine
        self.go = go
        self.http = http

    async def chat(self) -> str:
        identity: str = (await self.http.post(CHATS, json={})).json()["id"]
        return identity

    async def post(self, chat: str, text: str = "Hi") -> httpx.Response:
        return await self.http.post(f"{CHATS}/{chat}/messages", json={"text": text})

    async def messages(self, chat: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = (await self.http.get(f"{CHATS}/{chat}")).json()["messages"]
        return found

    async def fill(self) -> list[str]:
        """Take all slots, and the one place in the queue; return the conversations."""
        chats = [await self.chat() for _ in range(SLOTS + 1)]
        for chat in chats:
            assert (await self.post(chat)).status_code == 201
        async with asyncio.timeout(20):
            while not (self.engine.generating == SLOTS and self.app.engines.queued == 1):
                await asyncio.sleep(0)
        return chats

    async def ended(self) -> None:
        self.go.set()
        async with asyncio.timeout(20):
            while self.app.replies.count:
                await asyncio.sleep(0)


@pytest.fixture
async def busy(tmp_path: Path, smollm2: Path) -> AsyncIterator[Busy]:
    go = asyncio.Event()
    engine = ScriptedEngine(lambda prompt: ["a", go, "b"])
    settings = Settings(model=f"file:{smollm2}", slots=SLOTS, queue_length=1, queue_length_each=1)
    app = App.open(settings, Home(tmp_path, tmp_path), Engines(ScriptedStart(lambda model: engine), settings))
    asgi = build(app, Runtime(1, ADDRESS, "the-token", "0", "serve"), Activity(), lambda: None)
    transport = httpx.ASGITransport(asgi, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as http:
        yield Busy(app, engine, go, http)
    go.set()
    await app.aclose()


def is_too_busy(answer: httpx.Response) -> bool:
    assert int(answer.headers["retry-after"]) >= 1
    return (answer.status_code, answer.json()["error"]["code"]) == (429, "too_busy")


async def test_a_message_that_nobody_could_answer_soon_is_not_stored(busy: Busy) -> None:
    chats = await busy.fill()
    late = await busy.chat()
    assert is_too_busy(await busy.post(late, "the fourth"))
    assert await busy.messages(late) == []
    assert is_too_busy(await busy.post(chats[0], "behind the first"))
    assert len(await busy.messages(chats[0])) == 2
    await busy.ended()
    for chat in chats:
        assert [message["status"] for message in await busy.messages(chat)] == ["complete", "complete"]
    assert (await busy.post(late, "the fourth")).status_code == 201
    await busy.ended()
    assert (await busy.messages(late))[1]["status"] == "complete"


async def test_asking_again_and_going_on_are_refused_in_the_same_way(busy: Busy) -> None:
    chat = await busy.chat()
    reply = (await busy.post(chat)).json()["reply"]["id"]
    assert (await busy.http.post(f"/fireside/v1/replies/{reply}/stop")).status_code == 200
    await busy.fill()
    for how in ("regenerate", "continue"):
        assert is_too_busy(await busy.http.post(f"/fireside/v1/messages/{reply}/{how}", json={}))
    assert len(await busy.messages(chat)) == 2
    await busy.ended()
    assert (await busy.http.post(f"/fireside/v1/messages/{reply}/regenerate", json={})).status_code == 201


async def test_many_at_once_are_answered_or_refused_and_none_fails_later(busy: Busy) -> None:
    chats = [await busy.chat() for _ in range(12)]
    answers = await asyncio.gather(*(busy.post(chat) for chat in chats))
    taken = [chat for chat, answer in zip(chats, answers, strict=True) if answer.status_code == 201]
    refused = [chat for chat, answer in zip(chats, answers, strict=True) if answer.status_code == 429]
    assert len(taken) + len(refused) == len(chats)
    assert taken
    assert refused
    await busy.ended()
    for chat in taken:
        assert (await busy.messages(chat))[1]["status"] == "complete"
    for chat in refused:
        assert await busy.messages(chat) == []


async def test_what_can_not_be_stored_keeps_no_place(busy: Busy) -> None:
    chat = await busy.chat()
    for _ in range(3):
        unknown = await busy.http.post(f"{CHATS}/{chat}/messages", json={"text": "Hi", "parent_id": "none"})
        assert unknown.status_code == 404
    await busy.fill()
    await busy.ended()
