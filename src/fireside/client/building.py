"""A build of the engine, watched: a process of its own, which no server has to run for."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from fireside.builds import Built, Prebuilt, Said, Step
from fireside.errors import FiresideError, from_code
from fireside.events import Failed

COMMAND = (sys.executable, "-P", "-m", "fireside.native")
_said: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


async def built_engine() -> Built | None:
    """Return what was built here; None where the prebuilt engine is all there is."""
    async for said in _told("show"):
        return said if isinstance(said, Built) else None
    return None


async def reset() -> bool:
    """Go back to the prebuilt engine; return whether there was anything to delete."""
    async for said in _told("reset"):
        return isinstance(said, Prebuilt) and said.removed
    return False


def build() -> AsyncGenerator[Step | Built | Prebuilt, None]:
    """Build the engine and yield its steps, at last what was built; closing it ends the build."""
    return _told("build")


async def _told(what: Literal["show", "reset", "build"]) -> AsyncGenerator[Step | Built | Prebuilt, None]:
    process = await asyncio.create_subprocess_exec(*COMMAND, what, stdin=DEVNULL, stdout=PIPE)
    assert process.stdout is not None  # noqa: S101 - it was asked for above
    try:
        async for line in process.stdout:
            said = _said.decode(line)
            if isinstance(said, Failed):
                raise from_code(said.code, said.message, hint=said.hint)
            yield said
        if await process.wait():
            raise FiresideError("the build ended without a word", hint="do it again: it goes on where it was")
    finally:
        if process.returncode is None:
            # As Ctrl-C does: it ends its compiler, and what is compiled is used the next time.
            process.send_signal(signal.SIGINT)
            await process.wait()
