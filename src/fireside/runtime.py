"""The runtime file: how the commands find the one server of this home, and how it stays one.

The server holds a lock for as long as it lives; the file says where it listens. A file without
a held lock is stale, whatever its process id says (ids are used again).
"""

from __future__ import annotations

import filelock
import msgspec

from fireside.errors import AlreadyRunning
from fireside.settings import Home
from fireside.written import read_whole, write_whole


class Runtime(msgspec.Struct, frozen=True):
    """Where the server is. `token` opens what only this person's own programs may ask for."""

    pid: int
    address: str
    """a plain address of this machine, whatever others reach it by"""
    token: str
    version: str
    started_by: str
    """`serve` for a person, `command` when a command started it in the background."""
    open_at: tuple[str, ...] = ()
    """where browsers and other devices reach it, when that is elsewhere"""


_PROBED_S = 0.5
"""Whoever looks whether the home is held holds it for an instant; a server's start outwaits that."""


def _lock(home: Home) -> filelock.FileLock:
    return filelock.FileLock(home.data / "server.lock", mode=0o600)


def acquire(home: Home) -> filelock.FileLock:
    """Take the home for this server; AlreadyRunning says who has it."""
    home.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(home)
    try:
        lock.acquire(timeout=_PROBED_S, poll_interval=0.02)
    except filelock.Timeout:
        holder = read(home)
        where = f" at {holder.address} (process {holder.pid})" if holder else ""
        raise AlreadyRunning(
            f"a Fireside server already uses {home.data}{where}",
            hint="talk to that one, or end it with `fireside stop`",
        ) from None
    withdraw(home)  # a crashed server's, which would be taken for ours until `publish`
    return lock


def publish(home: Home, runtime: Runtime) -> None:
    """Write the runtime file, readable by its owner only, in one step."""
    write_whole(home.runtime_file, msgspec.json.encode(runtime), lasting=False)


def withdraw(home: Home) -> None:
    home.runtime_file.unlink(missing_ok=True)


def find(home: Home) -> Runtime | None:
    """Return where the running server is, or None; a stale file counts as none."""
    runtime = read(home)
    if runtime is None or not is_held(home):
        return None
    # A server that has taken the home meanwhile has withdrawn what a crashed one left.
    return runtime if read(home) == runtime else None


def is_held(home: Home) -> bool:
    """Return whether a server holds this home, even one that is still starting."""
    if not home.data.is_dir():
        return False
    lock = _lock(home)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False


def read(home: Home) -> Runtime | None:
    """Return what the runtime file says, stale or not."""
    try:
        return read_whole(home.runtime_file, Runtime)
    except (OSError, msgspec.MsgspecError):
        return None
