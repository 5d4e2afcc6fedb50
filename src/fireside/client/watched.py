"""A process of Fireside's own that says what it does in lines of JSON, watched to its end."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from fireside.errors import FiresideError, from_code
from fireside.events import Failed


async def watched(module: str, *words: str, says: msgspec.json.Decoder[Any]) -> AsyncGenerator[Any, None]:
    """Run `python -m MODULE` and yield what it says, as `says` reads it; what failed there is raised here.

    Closing it ends the process as Ctrl-C does, so that it tidies up.
    """
    command = (sys.executable, "-P", "-m", module, *words)
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE)
    assert process.stdout is not None  # noqa: S101 - it was asked for above
    try:
        async for line in process.stdout:
            said = says.decode(line)
            if isinstance(said, Failed):
                raise from_code(said.code, said.message, hint=said.hint)
            yield said
        if await process.wait():
            raise FiresideError(f"{module} ended without a word", hint="do it again")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await process.wait()
