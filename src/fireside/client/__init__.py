"""The typed client of the server, which it finds or starts. Everything that a person sees goes through it.

`connected()` gives an `AsyncClient`, which has one method for each route of `docs/reference/http.md`;
`launch` finds or starts the server; `chats.AsyncChat` and `waiting.Chat` are the Python interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fireside.client.routes import AsyncClient, connected

__all__ = ["AsyncClient", "connected"]


def __getattr__(name: str) -> object:
    """Load the client when it is first used: `fireside.client.defaults` is needed without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fireside.client import routes

    value: object = getattr(routes, name)
    return value
