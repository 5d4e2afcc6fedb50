"""A model whose profile doesn't hold any more is tuned again while nobody asks for anything.

Only a model that was tuned before, and only where something is another now: the engine, the model's file, the
processor. Whoever asks for something ends it, and it begins anew after the next quiet while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence

import msgspec

from fireside.engines.leases import Engines
from fireside.engines.protocol import ModelFile
from fireside.engines.tuned import Profiles
from fireside.profiles import Unused, Wish

QUIET_S = 660.0
"""after a reply: later than a machine is measured and most models are unloaded, and early enough to be done
before a server leaves that a command started"""
LOOKED_S = 0.1
COMMAND = (sys.executable, "-P", "-m", "fireside.tuning", "tune")
log = logging.getLogger(__name__)


class Retuning:
    """Waits for quiet, and then tunes what was used last, if its profile is out of date."""

    def __init__(
        self,
        engines: Engines,
        profiles: Profiles,
        *,
        quiet_s: float = QUIET_S,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._command = command
        self._engines = engines
        self._profiles = profiles
        self._quiet_s = quiet_s
        self._waiting: asyncio.Task[None] | None = None

    def used(self, file: ModelFile) -> None:
        """Begin to wait anew: `file` was used just now."""
        if self._waiting:
            self._waiting.cancel()
        self._waiting = asyncio.create_task(self._tune_later(file))

    async def aclose(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)

    async def _tune_later(self, file: ModelFile) -> None:
        await asyncio.sleep(self._quiet_s)
        found = await asyncio.to_thread(self._profiles.look, file)
        if not (isinstance(found, Unused) and found.outdated) or self._is_busy():
            return
        log.info("%s is tuned again: %s", file.reference, found.reason)
        wish = msgspec.json.encode(Wish(file.reference)).decode()
        process = await asyncio.create_subprocess_exec(*self._command, wish, stdin=DEVNULL, stdout=DEVNULL)
        ended = asyncio.create_task(process.wait())
        try:
            while not ended.done() and not self._is_busy():
                await asyncio.wait([ended], timeout=LOOKED_S)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
                await ended

    def _is_busy(self) -> bool:
        return bool(self._engines.queued) or any(status.users for status in self._engines.statuses())
