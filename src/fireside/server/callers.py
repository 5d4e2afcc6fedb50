"""Who asks: a request's caller and what it may do."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Request
from fastapi.params import Depends as Dependency

from fireside.errors import Forbidden
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


def needs(scope: Scope) -> Dependency:
    """Return the guard of a route, or of a whole router: `dependencies=[needs("chat")]`.

    Forbidden (403) for a caller whose key hasn't the scope.
    """

    def guard(caller: Asking) -> None:
        if scope not in caller.scopes:
            raise Forbidden(
                f"this key may not do that: it needs the scope `{scope}`",
                hint=f"make one with `fireside keys new NAME --scope {scope}`",
            )

    return Dependency(guard)
