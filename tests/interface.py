"""The HTTP interface in this process, around an engine that a test scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from fireside.app import App
from fireside.engines.leases import Engines
from fireside.models.library import Library
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import ScriptedEngine, ScriptedStart

ADDRESS = "http://127.0.0.1:3473"


@asynccontextmanager
async def interface(
    home: Path, weights: Path, engine: ScriptedEngine, library: Library | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the whole interface; what is asked of the model, `engine` answers."""
    settings = Settings(model=f"file:{weights}")
    engines = Engines(ScriptedStart(lambda model: engine), settings)
    app = App.open(settings, Home(home, home), engines, library)
    asgi = build(app, Runtime(1, ADDRESS, "the-token", "0", "serve"), Activity(), lambda: None)
    transport = httpx.ASGITransport(asgi, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client
    await app.aclose()
