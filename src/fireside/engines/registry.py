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
}
KEYS = {
    "llamacpp": "fireside.engines.llamacpp:key_today",
}
"""For engines whose states can be saved: what tells the states of a model, as it is today, from others."""


def find_engine(name: str, vault: Vault | None = None) -> StartEngine:
    """Return the start function of the engine called `name`; EngineUnavailable where there is none.

    What its engines read for conversations is kept in `vault`.
    """
    if name not in ENGINES:
        raise EngineUnavailable(
            f"there is no engine called {name!r}", hint=f"the engines are: {', '.join(sorted(ENGINES))}"
        )
    return functools.partial(_named(ENGINES[name]), vault=vault)


def find_key(name: str, settings: Settings) -> Callable[[ModelFile], str]:
    """Return what tells the key that the engine called `name` gives to states of a model."""
    key: Callable[[ModelFile, Settings], str] = _named(KEYS[name])
    return lambda model: key(model, settings)


def _named(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
