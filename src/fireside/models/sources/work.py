"""What every fetch needs: threads that stop when told to, room on the disk, and one fetch at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import filelock

from fireside.errors import Conflict, DownloadFailed
from fireside.models.sources import Progress, PullProgress

SPARE_BYTES = 8 << 20
"""room that stays free"""
LOCK_POLL_S = 0.1

Result = TypeVar("Result")


async def in_thread(work: Callable[[threading.Event], Result]) -> Result:
    """Run `work` in a thread; when the caller is cancelled it is told to stop, and waited for."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise


def in_this_loop(report: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Return a function for threads that reports in the thread of the running loop."""
    loop = asyncio.get_running_loop()

    def later(done: int, total: int) -> None:
        loop.call_soon_threadsafe(report, done, total)

    return later


@contextlib.asynccontextmanager
async def only_one(lock: Path, seen: Callable[[], PullProgress], progress: Progress) -> AsyncIterator[None]:
    """Wait until no other process fetches the same; `seen` tells from outside how far that one is."""
    held = filelock.FileLock(lock)
    while True:
        try:
            held.acquire(timeout=0)
            break
        except filelock.Timeout:
            progress(seen())
            await asyncio.sleep(LOCK_POLL_S)
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def nobody_fetches(lock: Path, name: str) -> Iterator[None]:
    """Hold the lock of what is removed; Conflict where it is being fetched, under whatever name."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(lock)
    try:
        held.acquire(timeout=0)
    except filelock.Timeout as error:
        raise Conflict(f"{name} is being fetched", hint="wait for it, or stop it first") from error
    try:
        yield
    finally:
        held.release()


def check_room(folder: Path, bytes_needed: int, name: str) -> None:
    """Raise DownloadFailed where the disk of `folder` hasn't so much room."""
    needed = bytes_needed + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadFailed(
            f"not enough room for {name}: {needed:,} bytes are needed, {free:,} are free in {folder}",
            hint="make room, or move Fireside's home to another disk with FIRESIDE_HOME",
        )


@contextlib.contextmanager
def storing(name: str, folder: Path) -> Iterator[None]:
    """Turn what a disk throws into DownloadFailed."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DownloadFailed(
            f"{name} can't be stored in {folder}: {reason}",
            hint="make room and make the folder writable, or move Fireside's home with FIRESIDE_HOME",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename last; Windows has no way to sync a folder, and needs none."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
