"""Fixtures: a real server with the real small model, and the HTTP interface around a scripted engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from fireside.app import App
from fireside.engines.leases import Engines
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import ScriptedEngine, ScriptedStart
from serving import Served, serving
from visiting import Place


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """One real server with the real model for a module's tests; each uses its own conversations."""
    with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}") as server:
        yield server


@pytest.fixture
async def api(tmp_path: Path, smollm2: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The interface in this process, its engine scripted: answers are `Hello there.`"""
    settings = Settings(model=f"file:{smollm2}")
    home = Home(tmp_path, tmp_path)
    engines = Engines(ScriptedStart(lambda model: ScriptedEngine(model=model)), settings)
    app = App.open(settings, home, engines)
    runtime = Runtime(1, "http://127.0.0.1:3473", "the-token", "0", "serve")
    asgi = build(app, runtime, Activity(), lambda: None)
    transport = httpx.ASGITransport(asgi, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3473") as client:
        yield client
    await app.aclose()


@pytest.fixture
async def open_place(tmp_path: Path, smollm2: Path) -> AsyncIterator[Callable[..., Place]]:
    async with AsyncExitStack() as opened:

        def opening(**settings: Any) -> Place:
            place = Place(tmp_path, Settings(model=f"file:{smollm2}", **settings), opened)
            opened.push_async_callback(place.app.aclose)
            return place

        yield opening


@pytest.fixture
def place(open_place: Callable[..., Place]) -> Place:
    return open_place()
