"""Finding the one server of a home, and starting it in the background when there is none.

The lock of `fireside.runtime` decides who is the one server: several commands may start one at the same
moment, all but one of those end with `already_running`, and who started them takes the winner.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from fireside import __version__, runtime
from fireside.client.background import Background
from fireside.client.connection import Connection
from fireside.errors import AlreadyRunning, FiresideError, ServerUnavailable
from fireside.runtime import Runtime
from fireside.settings import Home

PATIENCE_S = 60.0
"""How long nothing at all may happen while a server starts or leaves."""
_LOOK_EVERY_S = 0.02

OnStart = Callable[[], None]
"""Called when a server has to be started, which takes a moment."""


async def ensure_server(home: Home, on_start: OnStart | None = None, *, asks: str | None = None) -> Runtime:
    """Return where the server of this version is, after starting it or replacing one of another version.

    One that is started loads the model that `asks` names at once, "" being the default one.

    Errors are the ones with which a server refuses to start (AddressInUse, ConfigError, …), or
    ServerUnavailable with its last words.
    """
    async for _ in _patiently("another server of this home has been starting for too long"):
        found = runtime.find(home)
        if found is not None and found.version == __version__:
            return found
        if found is not None:
            await stop_server(home, found)
        elif not runtime.is_held(home):
            if on_start is not None:
                on_start()
            with suppress(AlreadyRunning):
                return await _start(home, asks)
    raise AssertionError  # _patiently ends with an error only


async def find_again(home: Home, gone: Runtime, is_leaving: bool) -> Runtime:
    """Return the server again after `gone` didn't answer, or said that it is leaving."""
    async for _ in _patiently(f"the server at {gone.address} (process {gone.pid}) doesn't answer"):
        if runtime.find(home) != gone:
            return await ensure_server(home)
        if not is_leaving and await _answers(gone):
            return gone
    raise AssertionError  # _patiently ends with an error only


async def stop_server(home: Home, running: Runtime) -> None:
    """Ask the server to leave, and return once it has: running replies end first, for a limited time."""
    async with Connection(running) as connection:
        with suppress(ServerUnavailable):
            await connection.fetch("POST", "/fireside/v1/stop")
    async for _ in _patiently(f"the server at {running.address} (process {running.pid}) doesn't leave"):
        if runtime.find(home) != running:
            return


async def _start(home: Home, asks: str | None) -> Runtime:
    home.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = runtime.read(home)
    child = Background(home, asks=asks)
    async for _ in _patiently("the server has been starting for too long", lambda: child.log_bytes):
        # The lock isn't looked at here: a look holds it for an instant, and the child needs it now.
        found = runtime.read(home)
        if found is not None and found != before:
            if child.is_surplus(found):
                child.end()
            return found
        if child.has_ended:
            raise AlreadyRunning("another was faster") if runtime.is_held(home) else child.failure()
    raise AssertionError  # _patiently ends with an error only


async def _answers(running: Runtime) -> bool:
    async with Connection(running) as connection:
        try:
            await connection.fetch("GET", "/health")
        except FiresideError:
            return False
    return True


async def _patiently(too_long: str, progress: Callable[[], int] = lambda: 0) -> AsyncIterator[None]:
    """Yield until the loop is left; ServerUnavailable when `progress` stands still for PATIENCE_S."""
    last, since = progress(), time.monotonic()
    while time.monotonic() - since < PATIENCE_S:
        yield
        await asyncio.sleep(_LOOK_EVERY_S)
        if (now := progress()) != last:
            last, since = now, time.monotonic()
    raise ServerUnavailable(too_long, hint="look at it with `fireside status`, or end that process")
