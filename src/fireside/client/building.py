"""A build of the engine, watched: a process of its own, which no server has to run for."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from fireside.builds import Built, Prebuilt, Said, Step
from fireside.client.watched import watched

MODULE = "fireside.native"
_said: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


async def built_engine() -> Built | None:
    """Return what was built here; None where the prebuilt engine is all there is."""
    async for said in watched(MODULE, "show", says=_said):
        return said if isinstance(said, Built) else None
    return None


async def reset() -> bool:
    """Go back to the prebuilt engine; return whether there was anything to delete."""
    async for said in watched(MODULE, "reset", says=_said):
        return isinstance(said, Prebuilt) and said.removed
    return False


def build(model: str | None = None) -> AsyncGenerator[Step | Built | Prebuilt, None]:
    """Build the engine and yield its steps, at last what was built; closing it ends the build.

    It is compared with the prebuilt one on `model`, or on one that is here.
    """
    return watched(MODULE, "build", *([model] if model else []), says=_said)
