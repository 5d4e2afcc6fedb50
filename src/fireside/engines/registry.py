"""Which engines there are. An engine is one file and one line here; none is imported unasked."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Awaitable, Callable

from fireside.engines.protocol import Engine, LoadProgress, ModelFile, Vault
from fireside.errors import EngineUnavailable
from fireside.settings import Settings

StartEngine = Callable[[ModelFile, Settings, LoadProgress | None], Awaitable[Engine]]
"""Loads a model and returns its engine; raises EngineError, or ModelDamaged."""

ENGINES = {
    "llamacpp": "fireside.engines.llamacpp:start",
}


def find_engine(name: str, vault: Vault | None = None) -> StartEngine:
    """Return the start function of the engine called `name`; EngineUnavailable where there is none.

    What its engines read for conversations is kept in `vault`.
    """
    if name not in ENGINES:
        raise EngineUnavailable(
            f"there is no engine called {name!r}", hint=f"the engines are: {', '.join(sorted(ENGINES))}"
        )
    module, _, attribute = ENGINES[name].partition(":")
    return functools.partial(getattr(importlib.import_module(module), attribute), vault=vault)
