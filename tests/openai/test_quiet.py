"""A stream in which nothing is said for long: proxies see that it lives, and clients see nothing of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import openai
from fireside.app import App
from fireside.engines.leases import Engines
from fireside.errors import EngineError
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.openai.leaving import COMMENT, EventStream
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import Script, ScriptedEngine, ScriptedStart

ADDRESS = "http://127.0.0.1:3473"
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
SIGNS = 3
MESSAGES: Any = [{"role": "user", "content": "Hi"}]


class Proxy:
    """Hears what is sent, and lets the engine go on after the third sign of life in a silence."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self.go = asyncio.Event()
        self.bodies: list[bytes] = []

    @property
    def signs(self) -> int:
        return sum(body in (COMMENT, PING) for body in self.bodies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hearing(message: Message) -> None:
            self.bodies.append(message.get("body", b""))
            if self.signs > SIGNS:
                self.go.set()
            await send(message)

        await self._inner(scope, receive, hearing)


class Quiet:
    """The interface around an engine that plays `script`; its waits end when `proxy` has heard enough."""

    def __init__(self, app: App, engine: ScriptedEngine) -> None:
        self.app = app
        self.engine = engine
        self.proxy = Proxy(build(app, Runtime(1, ADDRESS, "t", "0", "serve"), Activity(), lambda: None))

    def says(self, *script: Any) -> None:
        steps: Script = [self.proxy.go if step is None else step for step in script]
        self.engine._replies = [steps]

    def client(self) -> Any:
        transport = httpx.ASGITransport(self.proxy, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=ADDRESS)


@pytest.fixture
async def quiet(tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Quiet]:
    monkeypatch.setattr(EventStream, "quiet_s", 0.01)
    settings = Settings(model=f"file:{smollm2}")
    engine = ScriptedEngine()
    app = App.open(settings, Home(tmp_path, tmp_path), Engines(ScriptedStart(lambda model: engine), settings))
    yield Quiet(app, engine)
    await app.aclose()


@pytest.mark.parametrize("script", [(None, "Hel", "lo"), ("Hel", None, "lo")], ids=["loading", "later"])
async def test_the_official_client_reads_over_signs_of_life(quiet: Quiet, script: Any) -> None:
    quiet.says(*script)
    async with (
        quiet.client() as http,
        openai.AsyncOpenAI(
            base_url=f"{ADDRESS}/v1", api_key="none", http_client=http, max_retries=0
        ) as client,
    ):
        stream = await client.chat.completions.create(model="default", messages=MESSAGES, stream=True)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(said) == "Hello"
    assert quiet.proxy.signs > SIGNS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": MESSAGES}),
        ("/v1/completions", {"prompt": "Hi"}),
        ("/v1/responses", {"input": "Hi"}),
    ],
)
async def test_other_readers_of_events_do_too(quiet: Quiet, path: str, body: dict[str, Any]) -> None:
    quiet.says(None, "Hello")
    async with (
        quiet.client() as http,
        httpx_sse.aconnect_sse(http, "POST", path, json={**body, "stream": True}) as events,
    ):
        told = [event.data async for event in events.aiter_sse()]
    assert quiet.proxy.signs > SIGNS
    assert not [data for data in told if "still here" in data]
    assert [data for data in told if "Hello" in data]


async def test_a_failure_after_the_first_sign_of_life_is_told_in_the_stream(quiet: Quiet) -> None:
    quiet.says(None, EngineError("the engine broke", hint="ask again"))
    async with (
        quiet.client() as http,
        openai.AsyncOpenAI(
            base_url=f"{ADDRESS}/v1", api_key="none", http_client=http, max_retries=0
        ) as client,
    ):
        stream = await client.chat.completions.create(model="default", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="the engine broke"):
            await anext(stream)


async def test_anthropics_streams_are_pinged(quiet: Quiet) -> None:
    quiet.says("Hel", None, "lo")
    asked = {"model": "default", "max_tokens": 9, "messages": MESSAGES, "stream": True}
    async with (
        quiet.client() as http,
        httpx_sse.aconnect_sse(http, "POST", "/v1/messages", json=asked) as events,
    ):
        names = [event.event async for event in events.aiter_sse()]
    assert names[0] == "message_start"
    assert names.count("ping") > SIGNS
    assert names[-1] == "message_stop"


async def test_lines_of_json_have_no_signs_of_life(quiet: Quiet) -> None:
    quiet.says("Hel", "lo")
    async with quiet.client() as http:
        answer = await http.post("/api/chat", json={"model": "default", "messages": MESSAGES})
    assert [line for line in answer.text.splitlines() if not line.startswith("{")] == []
    assert quiet.proxy.signs == 0


async def test_whoever_leaves_before_the_first_word_frees_the_place(quiet: Quiet) -> None:
    never = asyncio.Event()
    quiet.engine._replies = [[never, "a"]]
    async with quiet.client() as http:
        asking = asyncio.create_task(
            http.post("/v1/chat/completions", json={"messages": MESSAGES, "stream": True})
        )
        async with asyncio.timeout(20):
            await quiet.proxy.go.wait()
        assert [status.users for status in quiet.app.engines.statuses()] == [1]
        asking.cancel()
        await asyncio.wait({asking})
    assert [status.users for status in quiet.app.engines.statuses()] == [0]
