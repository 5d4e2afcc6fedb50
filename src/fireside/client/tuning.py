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


async def reset(model: str | None = None) -> int:
    """Delete the profile of one model, or all; return how many there were."""
    async for said in watched(MODULE, "reset", _words(Wish(model)), says=_told):
        return said.removed if isinstance(said, Unused) else 0
    return 0


def _words(wish: Wish) -> str:
    return msgspec.json.encode(wish).decode()
