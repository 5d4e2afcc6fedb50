"""`fireside serve`: one server for one home, from its lock to its drained end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn

from fireside import __version__
from fireside.app import App
from fireside.errors import AddressInUse, AddressRefused
from fireside.runtime import Runtime, acquire, publish, withdraw
from fireside.server.api import build
from fireside.server.connections import BACKLOG, GuardedProtocol, no_core_dumps, raise_file_limit
from fireside.server.perimeter import Activity
from fireside.settings import Home, Settings

log = logging.getLogger(__name__)
TEMPORARY_IDLE_S = 12 * 3600.0


def serve(settings: Settings, home: Home, started_by: str = "serve") -> None:
    """Serve until stopped. AlreadyRunning, AddressInUse or AddressRefused before anything is touched.

    One that a command started (`started_by="command"`) leaves after `settings.server_idle_s` without
    anybody.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    refuse_beyond_loopback(settings.host)
    no_core_dumps()
    GuardedProtocol.most_open = raise_file_limit()
    lock = acquire(home)
    try:
        with listen(settings.host, settings.port) as listening:
            asyncio.run(_serve(settings, home, started_by, listening))
    finally:
        withdraw(home)
        lock.release(force=True)


def refuse_beyond_loopback(host: str) -> None:
    """Raise AddressRefused for an address that other machines can reach: there are no keys yet."""
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise AddressRefused(
            f"Fireside does not listen on {host}: anybody on the network could use it",
            hint="leave `host` at 127.0.0.1, and reach it from elsewhere through an ssh tunnel",
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; AddressInUse when somebody else does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"port {port} on {host} is used by another program",
                hint="end that one, or set `port` (FIRESIDE_PORT) to another number, 0 for any free one",
            ) from error
        raise AddressRefused(
            f"cannot listen on {host} port {port}: {error.strerror}", hint="set `host` and `port`"
        ) from error
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the address as a browser writes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells when it is up and drains before it ends."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up()

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
        self.server: _Server | None = None

    def begin(self) -> None:
        self._activity.ending = True
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())
        elif self.server:
            self._draining.cancel()
            self.server.should_exit = True

    async def _drain(self) -> None:
        await self._app.replies.drain(self._drain_s)
        if self.server:
            self.server.should_exit = True

    def on_signals(self) -> None:
        """End on SIGTERM and SIGINT. Windows has no handlers inside the loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self.begin)
            except NotImplementedError:
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.begin))


async def _serve(settings: Settings, home: Home, started_by: str, listening: socket.socket) -> None:
    runtime = Runtime(
        pid=os.getpid(),
        address=address_of(listening),
        token=secrets.token_urlsafe(32),
        version=__version__,
        started_by=started_by,
    )
    app = await asyncio.to_thread(App.open, settings, home)
    activity = Activity()
    end = _End(app, activity, settings.drain_s)
    config = uvicorn.Config(
        build(app, runtime, activity, end.begin),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        http=GuardedProtocol,
        backlog=BACKLOG,
    )

    def up() -> None:
        publish(home, runtime)
        if started_by == "serve":
            sys.stdout.write(f"Fireside is at {runtime.address}/ (Ctrl-C stops it)\n")
            sys.stdout.flush()

    end.server = _Server(config, up)
    end.on_signals()
    leaving = asyncio.create_task(_leave_when_idle(settings, app, activity, end, started_by))
    try:
        await end.server.serve(sockets=[listening])
    finally:
        leaving.cancel()
        await app.aclose()


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
