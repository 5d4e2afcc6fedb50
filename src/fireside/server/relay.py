"""Requests of other programs on their way to an engine: which model they mean, and a place there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fireside.app import App
from fireside.engines.protocol import Engine
from fireside.errors import ModelNotFound
from fireside.server.callers import Caller


def reference_of(app: App, name: str | None) -> str:
    """Return the reference of the model that a program names: by reference, name or Ollama's way.

    No name, `default` and `fireside` mean the configured model. `SmolLM2-135M-Instruct`,
    `smollm2-135m-instruct`
    and `smollm2-135m-instruct:latest` all name the same one. ModelNotFound lists what is here.
    """
    if name in (None, "", "default", "fireside"):
        return app.settings.model
    asked = str(name)
    plain = asked.removesuffix(":latest").lower()
    cards = app.models()
    for card in cards:
        names = {card.reference.lower(), card.name.lower(), card.reference.partition(":")[2].lower()}
        if asked == card.reference or plain in names:
            return card.reference
    here = ", ".join(card.name for card in cards)
    raise ModelNotFound(f"there is no model {asked!r} here", hint=f"here are: {here}", param="model")


@asynccontextmanager
async def leased(app: App, caller: Caller, name: str | None) -> AsyncIterator[Engine]:
    """Give the engine of the model that a program names, loaded first where it isn't."""
    reference = await asyncio.to_thread(reference_of, app, name)
    file = await app.files.ensure(reference, lambda event: None)
    async with app.engines.lease(file, who=caller.who) as engine:
        yield engine


async def relayed(
    app: App, caller: Caller, name: str | None, path: str, body: bytes
) -> AsyncGenerator[bytes, None]:
    """Pass a streaming request on and yield its events' data; closing it frees the slot."""
    async with leased(app, caller, name) as engine, aclosing(engine.relay(path, body)) as events:
        async for data in events:
            yield data
