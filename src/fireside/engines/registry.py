"""Which engines there are. An engine is one file and one line here; none is imported unasked."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from fireside.engines.protocol import Engine, LoadProgress, ModelFile, Vault
from fireside.errors import EngineUnavailable
from fireside.settings import Settings

StartEngine = Callable[[ModelFile, Settings, LoadProgress | None], Awaitable[Engine]]
"""Loads a model and returns its engine; raises EngineError, or ModelDamaged."""

ENGINES = {
    "llamacpp": "fireside.engines.llamacpp:start",
    "remote": "fireside.engines.remote:start",
    "transformers": "fireside.engines.transformers:start",
}
KEYS = {
    "llamacpp": "fireside.engines.llamacpp:key_today",
}
"""For engines whose states can be saved: what tells the states of a model, as it is today, from others."""


def starter(vault: Vault | None = None) -> StartEngine:
    """Return what starts a model in the engine that it needs.

    What engines read for conversations is kept in `vault`.
    """

    async def start(model: ModelFile, settings: Settings, progress: LoadProgress | None) -> Engine:
        return await find_engine(model.engine, vault)(model, settings, progress)

    return start


def find_engine(name: str, vault: Vault | None = None) -> StartEngine:
    """Return the start function of the engine called `name`; EngineUnavailable where there is none."""
    if name not in ENGINES:
        raise EngineUnavailable(
            f"there is no engine called {name!r}", hint=f"the engines are: {', '.join(sorted(ENGINES))}"
        )
    return functools.partial(_named(ENGINES[name]), vault=vault)


def state_keys(settings: Settings) -> Callable[[ModelFile], str | None]:
    """Return what tells the key that states of a model have today; None where its engine saves none."""

    def key(model: ModelFile) -> str | None:
        if model.engine not in KEYS:
            return None
        key_today: Callable[[ModelFile, Settings], str] = _named(KEYS[model.engine])
        return key_today(model, settings)

    return key


def _named(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
