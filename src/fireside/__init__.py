"""Fireside: talk with a language model that runs on your own machine.

    import fireside

    bob = fireside.Chat(system="Bob is a professor in Physics.", me="Alice", you="Bob")
    for piece in bob.ask("What is Newtonian mechanics?"):
        print(piece, end="", flush=True)

The names below are loaded when they are first used, so that the commands start fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fireside.client.chats import AsyncChat
    from fireside.client.routes import AsyncClient
    from fireside.client.waiting import Chat
    from fireside.errors import FiresideError
    from fireside.messages import PromptFormat, Receipt, Timings, Usage

__version__ = "0.1.0"

_HOMES = {
    "AsyncChat": "fireside.client.chats",
    "AsyncClient": "fireside.client.routes",
    "Chat": "fireside.client.waiting",
    "FiresideError": "fireside.errors",
    "PromptFormat": "fireside.messages",
    "Receipt": "fireside.messages",
    "Timings": "fireside.messages",
    "Usage": "fireside.messages",
}

__all__ = [
    "AsyncChat",
    "AsyncClient",
    "Chat",
    "FiresideError",
    "PromptFormat",
    "Receipt",
    "Timings",
    "Usage",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'fireside' has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
