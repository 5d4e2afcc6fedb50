"""Tuning a model, watched: a process of its own, which no server has to run for."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from fireside.client.watched import watched
from fireside.profiles import Profile, Told, Trying, Unused, Wish

MODULE = "fireside.tuning"
_told: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


def tune(wish: Wish) -> AsyncGenerator[Trying | Profile | Unused, None]:
    """Tune a model and yield how far it is, at last its profile; closing it leaves everything as it was."""
    return watched(MODULE, "tune", _words(wish), says=_told)


async def profile(wish: Wish) -> Profile | Unused | None:
    """Return the profile that is used for a model, or why none is."""
    async for said in watched(MODULE, "show", _words(wish), says=_told):
        return None if isinstance(said, Trying) else said
    return None


async def reset() -> int:
    """Delete all profiles; return how many there were."""
    async for said in watched(MODULE, "reset", says=_told):
        return said.removed if isinstance(said, Unused) else 0
    return 0


def _words(wish: Wish) -> str:
    return msgspec.json.encode(wish).decode()
