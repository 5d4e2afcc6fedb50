"""`fireside serve`: one server for one home, from its lock to its drained end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from fireside import __version__
from fireside.app import App
from fireside.cards import NewKey, Pairing
from fireside.engines.refit import Refit
from fireside.errors import FiresideError
from fireside.runtime import Runtime, acquire, publish, withdraw
from fireside.server import logs, offline
from fireside.server.connections import BACKLOG, GuardedProtocol, no_core_dumps, raise_file_limit
from fireside.server.keys import LAN_KEY
from fireside.server.listening import Certificate, Listening, listening, refuse_without_key
from fireside.settings import Home, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from fireside.server.callers import Door
    from fireside.server.perimeter import Activity

log = logging.getLogger(__name__)
TEMPORARY_IDLE_S = 12 * 3600.0


Told = Callable[[Runtime, NewKey | None, Pairing | None], None]
"""Called once the server answers, with where it is, the key that was made for it, and a code that lets
a first device in where it is shared."""


def serve(
    settings: Settings,
    home: Home,
    started_by: str = "serve",
    *,
    makes_key: bool = False,
    load: str | None = None,
    told: Told = lambda runtime, made, pairing: None,
) -> None:
    """Serve until stopped. AlreadyRunning, AddressInUse, AddressRefused or ConfigError when that can't be.

    Beyond this machine it serves only where there is a key, or `makes_key` allows to make the first one.

    One that a command started (`started_by="command"`) leaves after `settings.server_idle_s` without
    anybody. The model that `load` names, "" being the default one, is loaded while it starts.
    """
    no_core_dumps()
    GuardedProtocol.most_open = raise_file_limit()
    logs.begin(settings.log_level)
    lock = acquire(home)
    try:
        lacks_key = offline.lacks_key(settings, home)
        if lacks_key and not makes_key:
            raise refuse_without_key(settings.host)
        with listening(settings) as places:
            # Only now: a key that is made and never shown would shut out everybody.
            made = offline.first_key(settings, home) if lacks_key else None
            asyncio.run(
                _serve(
                    settings,
                    home,
                    started_by,
                    places,
                    lambda runtime, pairing: told(runtime, made, pairing),
                    load=load,
                )
            )
    finally:
        withdraw(home)
        lock.release(force=True)


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells when it is up, drains before it ends, and sleeps while nobody asks."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up
        self._leaving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up()

    async def main_loop(self) -> None:
        """Wait for the end. Uvicorn looks ten times a second whether it has come, and once what time it is:
        that keeps a processor awake, and `GuardedProtocol` knows the time when somebody asks."""
        await self._leaving.wait()

    def leave(self) -> None:
        self.should_exit = True
        self._leaving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_End`: uvicorn would end before the replies are drained."""
        yield


class _End:
    """The end of a server: drain once, then leave; asked twice, leave at once."""

    def __init__(self, app: App, activity: Activity, drain_s: float) -> None:
        self._app = app
        self._activity = activity
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None
        self.servers: list[_Server] = []

    def begin(self) -> None:
        self._activity.ending = True
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())
        else:
            self._draining.cancel()
            self._leave()

    async def _drain(self) -> None:
        """Wait for replies and for other programs' requests alike, each as long."""
        await asyncio.gather(
            self._app.replies.drain(self._drain_s), self._activity.ongoing.drain(self._drain_s)
        )
        self._leave()

    def _leave(self) -> None:
        for server in self.servers:
            server.leave()

    def on_signals(self) -> None:
        """End on SIGTERM and SIGINT. Windows has no handlers inside the loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self.begin)
            except NotImplementedError:
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.begin))


async def _serve(
    settings: Settings,
    home: Home,
    started_by: str,
    places: Listening,
    told: Callable[[Runtime, Pairing | None], None],
    *,
    load: str | None,
) -> None:
    runtime = Runtime(
        pid=os.getpid(),
        address=places.address,
        token=secrets.token_urlsafe(32),
        version=__version__,
        started_by=started_by,
        open_at=places.open_at,
    )
    app = await asyncio.to_thread(App.open, settings, home)
    loading = [] if load is None else [asyncio.create_task(_load(app, load))]
    # Importing what HTTP needs takes about as long as a small model's load, which goes on meanwhile.
    await asyncio.to_thread(importlib.import_module, "fireside.server.api")
    from fireside.server.api import build, door_of
    from fireside.server.perimeter import Activity

    activity = Activity()
    end = _End(app, activity, settings.drain_s)
    door = door_of(app, runtime, activity)
    interface = build(app, runtime, activity, end.begin, door)
    starting = len(places.listeners)

    def up() -> None:
        nonlocal starting
        starting -= 1
        if not starting:
            publish(home, runtime)
            told(runtime, _first_pairing(door, runtime))

    end.servers = [_Server(_configured(interface, one.certificate), up) for one in places.listeners]
    end.on_signals()
    meanwhile = [
        asyncio.create_task(_leave_when_idle(settings, app, activity, end, started_by)),
        asyncio.create_task(Refit(app.engines, settings.model_idle_s).run()),
        *loading,
    ]
    try:
        sockets = (one.socket for one in places.listeners)
        await asyncio.gather(
            *(server.serve(sockets=[one]) for server, one in zip(end.servers, sockets, strict=True))
        )
    finally:
        for task in meanwhile:
            task.cancel()
        await app.aclose()


async def _load(app: App, reference: str) -> None:
    """Load a model, if it is here: somebody is going to ask it, and hears then what goes wrong."""
    with contextlib.suppress(FiresideError):
        wanted = reference or app.resolve().model or ""
        file = await asyncio.to_thread(app.files.at_hand, wanted)
        if file is not None:
            async with app.engines.lease(file):
                pass


def _first_pairing(door: Door, runtime: Runtime) -> Pairing | None:
    """Return a code for whoever sits before this server, where it is shared by the network's own key."""
    key = next((key for key in door.keys.listed() if key.name == LAN_KEY), None)
    if key is None or not runtime.open_at or runtime.started_by != "serve":
        return None
    return door.pairings.offer(key, runtime.open_at[0])


def _configured(interface: ASGIApp, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        interface,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        http=GuardedProtocol,
        backlog=BACKLOG,
        # A proxy on this machine may say who asks; what it says never makes a stranger one of us.
        forwarded_allow_ips=["127.0.0.1", "::1"],
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )


async def _leave_when_idle(
    settings: Settings, app: App, activity: Activity, end: _End, started_by: str
) -> None:
    """End a server that a command started once nobody has watched or asked for long enough.

    Temporary conversations live in its memory alone, and somebody may come back to them.
    """
    while started_by == "command":
        idle_s = 0.0 if app.replies.count else activity.idle_s()
        talked = await asyncio.to_thread(app.temporary.counts)
        most_s = max(settings.server_idle_s, TEMPORARY_IDLE_S if talked.messages else 0.0)
        if idle_s >= most_s:
            end.begin()
            return
        await asyncio.sleep(min(max(0.2, most_s - idle_s), settings.server_idle_s or 0.2))
