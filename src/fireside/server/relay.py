"""Requests of other programs on their way to an engine: which model they mean, and a place there."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import msgspec

from fireside.app import App
from fireside.catalogue import check_writes
from fireside.engines.protocol import Engine, EngineInfo
from fireside.errors import EngineError, ModelNotFound
from fireside.metrics import Heard, Metrics
from fireside.server.callers import Caller
from fireside.server.wire import check_model


def reference_of(app: App, name: str | None) -> str:
    """Return the reference of the model that a program names: by reference, name or Ollama's way.

    No name, `default` and `fireside` mean the configured model. `SmolLM2-135M-Instruct`,
    `smollm2-135m-instruct`
    and `smollm2-135m-instruct:latest` all name the same one. ModelNotFound lists what is here.
    """
    if names_the_default(name):
        return app.settings.model
    asked = str(name)
    plain = slug(asked.removesuffix(":latest"))
    cards = app.catalogue.cards()
    for card in sorted(cards, key=lambda card: card.alias_of is None):  # a person's own names go first
        names = (card.reference, card.name, card.reference.partition(":")[2])
        if asked == card.reference or plain in map(slug, names):
            return card.reference
    here = ", ".join(card.name for card in cards)
    raise ModelNotFound(f"there is no model {asked!r} here", hint=f"here are: {here}", param="model")


def names_the_default(name: str | None) -> bool:
    return name in (None, "", "default", "fireside")


def slug(name: str) -> str:
    """Return a model's name as Ollama writes names.

    >>> slug("Smollm2 135M 8k Lc100K Mix1 Ep2")
    'smollm2-135m-8k-lc100k-mix1-ep2'
    """
    return re.sub(r"[^\w.]+", "-", name.lower()).strip("-")


@asynccontextmanager
async def leased(
    app: App, caller: Caller, name: str | None, *, writes: bool = True, weighs: bool = False
) -> AsyncIterator[Engine]:
    """Give the engine of the model that a program names, loaded first where it isn't.

    Where it `weighs` words, and is to tell how probable they were, that is one that doesn't draft: an engine
    tells no probabilities of what was drafted (llama.cpp, server-context.cpp, "TODO: set result.probs").

    NoChat for a model that can't write, unless the engine isn't asked to; Forbidden for one that this caller
    may not have fetched.
    """
    begun = time.monotonic()
    reference = await asyncio.to_thread(reference_of, app, name)
    card = await asyncio.to_thread(app.library.card, reference)
    if writes:
        check_writes(card)
    if card.alias_of and not card.installed:
        await asyncio.to_thread(check_model, app, caller, reference)
    file = await app.files.ensure(reference, lambda event: None)
    if weighs and file.tuned.speculation == "ngram":
        file = msgspec.structs.replace(file, weighs=True)
    async with app.engines.lease(file, who=caller.who) as engine:
        yield _Counted(engine, app.metrics, begun)


async def relayed(
    app: App, caller: Caller, name: str | None, path: str, body: bytes
) -> AsyncGenerator[bytes, None]:
    """Pass a streaming request on and yield its events' data; closing it frees the slot."""
    async with leased(app, caller, name) as engine, aclosing(engine.relay(path, body)) as events:
        async for data in events:
            yield data


class _Tokens(msgspec.Struct):
    input_tokens: int


async def counted(engine: Engine, path: str, body: object) -> int:
    """Return how many tokens the prompt of a request has, as the model's template writes it."""
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    data = await looked_up(engine, f"{path}/input_tokens", sent)
    return msgspec.json.decode(data, type=_Tokens).input_tokens


async def looked_up(engine: Engine, path: str, body: bytes) -> bytes:
    """Return the one answer of a route of the engine that generates nothing."""
    async with aclosing(engine.relay(path, body)) as answers:
        async for data in answers:
            return data
    raise EngineError("the engine gave no answer", hint="ask again")


class _Counted:
    """An engine whose relayed answers are counted."""

    def __init__(self, engine: Engine, metrics: Metrics, begun: float) -> None:
        self._engine = engine
        self._metrics = metrics
        self._begun = begun
        self.render = engine.render
        self.tokenize = engine.tokenize
        self.bos = engine.bos
        self.generate = engine.generate
        self.held = engine.held
        self.save = engine.save
        self.forget = engine.forget
        self.aclose = engine.aclose

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    @property
    def alive(self) -> bool:
        return self._engine.alive

    async def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        heard = Heard(self._metrics, self._begun)
        try:
            async with aclosing(self._engine.relay(path, body)) as events:
                async for data in events:
                    heard.see(data)
                    yield data
        finally:
            heard.end()
