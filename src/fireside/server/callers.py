"""Who asks: a request's caller and what it may do."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Request

from fireside.server.wire import is_owner

Scope = Literal["chat", "models", "admin"]
EVERYTHING: frozenset[Scope] = frozenset(("chat", "models", "admin"))


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `who` names them in the queue: one key, one session, or this machine's programs."""

    who: str
    scopes: frozenset[Scope]
    owner: bool = False


def the_caller(request: Request) -> Caller:
    """Return who asks. Until a first key exists, whoever is on this machine may do everything."""
    return Caller("this machine", EVERYTHING, is_owner(request))


Asking = Annotated[Caller, Depends(the_caller)]
