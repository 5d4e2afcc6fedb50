"""What a server elsewhere can do with a model: asked once, when it is first used."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import msgspec

from fireside.errors import BadRequest, EngineError, FiresideError, RemoteRefused
from fireside.remotes.connection import Connection
from fireside.remotes.listing import RemoteModel, models_in, unlisted
from fireside.settings import RemoteSettings

PROBE = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "stream": True}
NOTHING = {
    "type": "function",
    "function": {"name": "nothing", "parameters": {"type": "object", "properties": {}}},
}


class Abilities(msgspec.Struct, frozen=True):
    """`context_length` is None where neither the server nor the settings tell."""

    model: RemoteModel
    context_length: int | None
    chats: bool = True
    takes_tools: bool = False


async def probe(connection: Connection, remote: RemoteSettings, name: str) -> Abilities:
    """Return what `name` can do there. RemoteRefused where the server doesn't have it."""
    model = await _listed(connection, remote, name)
    context_length = remote.context_length or model.context_length
    if model.purpose != "chat":
        return Abilities(model, context_length)
    chats = await _accepts(connection, PROBE | {"model": name, "tools": [NOTHING]})
    if chats:
        return Abilities(model, context_length, takes_tools=True)
    return Abilities(model, context_length, chats=await _accepts(connection, PROBE | {"model": name}))


async def _listed(connection: Connection, remote: RemoteSettings, name: str) -> RemoteModel:
    try:
        models = models_in(connection.name, remote, await connection.get("/models"))
    except RemoteRefused:
        if name not in remote.models:  # what the settings name needn't be listed
            raise
        return unlisted(name, remote)
    found = next((model for model in models if model.name == name), None)
    if found is None:
        has = ", ".join(f"remote:{connection.name}/{model.name}" for model in models[:10]) or "none"
        what = f"{connection.name} has no model {name!r} (any more)" if name else "which of its models?"
        raise RemoteRefused(what, hint=f"it has {has}")
    return found


async def _accepts(connection: Connection, body: dict[str, Any]) -> bool:
    """Return whether a chat is answered; a server that can't be reached, or wants a key, raises."""
    try:
        async with aclosing(connection.stream("/chat/completions", msgspec.json.encode(body), "")) as events:
            async for _ in events:
                break
    except BadRequest:
        return False
    except RemoteRefused as error:
        if "(404)" in error.message or "(405)" in error.message:
            return False
        raise
    except FiresideError as error:
        # llama.cpp's server answers 500 to tools that its template doesn't know.
        if type(error) is EngineError:
            return False
        raise
    return True
