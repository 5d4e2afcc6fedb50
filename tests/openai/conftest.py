"""Fixtures: a real server with the real small model, and the official client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import made_bert
import openai
from fireside.app import App
from fireside.engines.leases import Engines
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import ScriptedEngine, ScriptedStart
from serving import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """One real server with the real model, and a tiny one for embeddings, for all of these tests."""
    home = tmp_path_factory.mktemp("openai")
    embedder = home / "embedder.gguf"
    embedder.write_bytes(made_bert.bert())
    with serving(home, model=f"file:{smollm2}", embedding_model=f"file:{embedder}") as server:
        yield server


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[openai.OpenAI]:
    """The official client, which refuses any answer that isn't exactly as documented."""
    direct: Any = httpx.Client(trust_env=False)  # its releases differ on whose client's type this is
    with openai.OpenAI(
        base_url=f"{served.runtime.address}/v1",
        api_key="none",
        max_retries=0,
        timeout=60,
        http_client=direct,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture
async def scripted(tmp_path: Path, smollm2: Path) -> AsyncIterator[tuple[httpx.AsyncClient, ScriptedEngine]]:
    """The interface in this process around an engine that a test scripts."""
    settings = Settings(model=f"file:{smollm2}")
    home = Home(tmp_path, tmp_path)
    engine = ScriptedEngine()
    app = App.open(settings, home, Engines(ScriptedStart(lambda model: engine), settings))
    asgi = build(
        app, Runtime(1, "http://127.0.0.1:3473", "the-token", "0", "serve"), Activity(), lambda: None
    )
    transport = httpx.ASGITransport(asgi, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3473") as http:
        yield http, engine
    await app.aclose()
