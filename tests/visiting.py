"""A server in this process, to which clients come from this machine and from the network."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fireside.app import App
from fireside.engines.leases import Engines
from fireside.runtime import Runtime
from fireside.server.api import build
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings
from scripted import ScriptedEngine, ScriptedStart

OWNER = {"authorization": "Bearer the-token"}
LAN = "192.0.2.50"
"""The address of a phone; the server is reached at 192.0.2.1."""
KEYS = "/fireside/v1/keys"
SESSIONS = "/fireside/v1/sessions"
CHATS = "/fireside/v1/conversations"


class Place:
    """A server in this process and the clients that come to it from here and from the network."""

    def __init__(self, home: Path, settings: Settings, opened: AsyncExitStack) -> None:
        engines = Engines(ScriptedStart(lambda model: ScriptedEngine(model=model)), settings)
        self.home = home
        self.app = App.open(settings, Home(home, home), engines)
        runtime = Runtime(1, "http://127.0.0.1:3473", "the-token", "0", "serve")
        self.asgi: Any = build(self.app, runtime, Activity(), lambda: None)
        self._opened = opened
        self.here = self.client()

    @property
    def api(self) -> FastAPI:
        found = self.asgi
        while not isinstance(found, FastAPI):
            found = found._inner
        return found

    def client(self, address: str = "127.0.0.1", url: str = "http://127.0.0.1:3473") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.asgi, raise_app_exceptions=False, client=(address, 50_000))
        client = httpx.AsyncClient(transport=transport, base_url=url)
        self._opened.push_async_callback(client.aclose)
        return client

    def phone(self, address: str = LAN, scheme: str = "http") -> httpx.AsyncClient:
        return self.client(address, f"{scheme}://192.0.2.1:3473")

    async def key(self, name: str = "one", *scopes: str) -> str:
        body = {"name": name, "scopes": scopes or ("chat",)}
        made = await self.here.post(KEYS, json=body, headers=OWNER)
        assert made.status_code == 201, made.text
        secret: str = made.json()["secret"]
        return secret


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def routes_of(api: FastAPI) -> list[tuple[str, str]]:
    """Every method and path there is; a route of a kind that no check stands before fails."""
    found = []
    routes: list[Any] = [*api.routes]
    for route in routes:
        inside = route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]
        for one in inside:
            kind = type(getattr(one, "original_route", one))
            assert kind is APIRoute, f"{kind} at {one.path} doesn't stand behind the check of keys"
            found += [(method, one.path) for method in one.methods]
    return found
