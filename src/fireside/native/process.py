"""Runs one program of a build to its end, at the lowest priority, with what it says kept in a file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

LEAVING_S = 5.0


async def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    heard: Callable[[str], None] = lambda line: None,
) -> int:
    """Return the exit code of `command`; cancelled, it is killed with all that it started."""
    nice = shutil.which("nice")
    process = await asyncio.create_subprocess_exec(
        *([nice, "-n", "19", *command] if nice else command),
        cwd=folder,
        env=dict(environ),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - it was asked for above
    try:
        with log.open("ab") as file:
            async for line in _lines(process.stdout):
                file.write(line)
                heard(line.decode("utf-8", "replace").rstrip())
        return await process.wait()
    finally:
        if process.returncode is None:
            await _end(process)


async def _end(process: Process) -> None:
    """Ask it to end, since ninja ends its compilers then, which have groups of their own; then kill it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), LEAVING_S)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    while block := await stream.read(65536):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest
