"""Exports as they lie on disk (one JSON file, a zip, a folder), read in place and within limits.

Members of an archive are never extracted and their names never become paths: a name only decides
whether a member is read, and is shown in messages. What is counted is what was really read, not what a
header claims. Symbolic links inside a folder are not followed.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec

from fireside.errors import BadImport
from fireside.store.titles import one_line

BLOCK_BYTES = 1 << 20
T = TypeVar("T")
_CONVERSATIONS = re.compile(r"conversations(-\d+)?\.json", re.IGNORECASE)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


class Limits(msgspec.Struct, frozen=True):
    """What one import may cost; why these numbers: docs/decisions/0004-imports.md."""

    total_bytes: int = 64 << 30
    ratio: int = 200
    """uncompressed bytes for each compressed one, looked at once `ratio_from_bytes` were read"""
    ratio_from_bytes: int = 32 << 20
    files: int = 200_000
    directory_bytes: int = 64 << 20
    """of a zip's table of contents, which is read whole"""
    conversations: int = 1_000_000


class Document(msgspec.Struct, frozen=True):
    """One JSON text of an export: its name for messages, its (claimed) size, and its blocks.

    `sure` ones hold conversations by what they are called; of the others nothing is expected.
    """

    name: str
    size_bytes: int
    blocks: Callable[[], Iterator[bytes]]
    sure: bool = True


class Refused(BadImport):
    """An import that costs more than any export does: nothing more of it is read."""


class _Meter:
    """Counts what was read, against a limit in all and against the size of what holds it.

    Once it refused, nothing more is read.
    """

    def __init__(self, name: str, limits: Limits, packed_bytes: int | None) -> None:
        self._name, self._limits, self._packed_bytes = name, limits, packed_bytes
        self._read_bytes = 0
        self._refused: str | None = None

    def check(self) -> None:
        if self._refused:
            refuse(self._name, self._refused)

    def took(self, count: int) -> None:
        self._read_bytes += count
        if self._read_bytes > self._limits.total_bytes:
            self._refused = f"it holds more than {self._limits.total_bytes >> 20:,} MiB of conversations"
        if self._packed_bytes is not None:
            self.compare(self._read_bytes, self._packed_bytes)
        self.check()

    def compare(self, read_bytes: int, packed_bytes: int) -> None:
        if read_bytes > max(self._limits.ratio_from_bytes, packed_bytes * self._limits.ratio):
            self._refused = f"it unpacks to more than {self._limits.ratio} times its size"
        self.check()


def refuse(name: str, found: str) -> NoReturn:
    raise Refused(
        f"{name} was refused: {found}",
        hint="an export from ChatGPT, Claude or Fireside is not like this; import only files you know",
    )


@contextmanager
def documents(
    path: Path, limits: Limits | None = None, *, called: str | None = None
) -> Iterator[tuple[Document, ...]]:
    """Yield the JSON texts of the export at `path` that may hold conversations.

    These are the files called `conversations.json` or `conversations-000.json` and so on, in any
    folder; where there is none, every other `.json`. Raises BadImport for what can't be read, which names
    a file by what it is `called`.
    """
    limits = limits or Limits()
    if path.is_dir():
        yield tuple(_in_folder(path, limits))
    elif path.is_file():
        with _opened(path, limits) as file:
            yield from _in_file(file, called or path.name, limits)
    else:
        raise BadImport(
            f"{path} is neither a file nor a folder",
            hint="give the export's zip, its folder or its conversations.json",
        )


def _opened(path: Path, limits: Limits) -> _CarefulFile:
    try:
        return _CarefulFile(path, limits)
    except OSError as error:
        raise BadImport(f"{path} can't be opened: {error.strerror}", hint="check its permissions") from error


class _CarefulFile(FileIO):
    """A file that refuses to be read into memory whole: a zip's table of contents has any size it likes."""

    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(path)
        self._shown, self._limits = path.name, limits

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = max(0, os.fstat(self.fileno()).st_size - self.tell())
        if size > self._limits.directory_bytes:
            refuse(self._shown, "its table of contents is too large")
        return super().read(size) or b""


def _in_file(file: _CarefulFile, name: str, limits: Limits) -> Iterator[tuple[Document, ...]]:
    size_bytes = os.fstat(file.fileno()).st_size
    start = file.read(4)
    file.seek(0)
    if start not in _ZIP_STARTS:
        meter = _Meter(name, limits, None)
        yield (Document(name, size_bytes, lambda: _file_blocks(file, meter)),)
        return
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise BadImport(
            f"{name} is a damaged zip: {error}",
            hint="download the export again; a zip that was cut off can't be read",
        ) from error
    with archive:
        yield _in_zip(archive, name, size_bytes, limits)


def _in_zip(archive: zipfile.ZipFile, name: str, size_bytes: int, limits: Limits) -> tuple[Document, ...]:
    members = archive.infolist()
    if len(members) > limits.files:
        refuse(name, f"it holds {len(members):,} files")
    meter = _Meter(name, limits, size_bytes)

    def document(member: zipfile.ZipInfo) -> Document:
        packed_bytes = min(member.compress_size, size_bytes)
        return Document(
            one_line(member.filename),
            member.file_size,
            lambda: _member_blocks(archive, member, meter, packed_bytes),
            sure,
        )

    chosen, sure = _chosen({member.filename: member for member in members})
    if not chosen:
        raise _nothing_inside(name, [member.filename for member in members])
    return tuple(document(member) for member in chosen)


def _member_blocks(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, meter: _Meter, packed_bytes: int
) -> Iterator[bytes]:
    name = one_line(member.filename)
    if member.compress_type not in _COMPRESSIONS or member.flag_bits & 0x1:
        how = "encrypted" if member.flag_bits & 0x1 else "packed in a way that exports never use"
        raise BadImport(f"{name} is {how}", hint="unpack the archive yourself and import the folder")
    meter.check()
    read_bytes = 0
    try:
        with archive.open(member) as stream:
            while block := stream.read(BLOCK_BYTES):
                read_bytes += len(block)
                meter.took(len(block))
                meter.compare(read_bytes, packed_bytes)
                yield block
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise BadImport(
            f"{name} is damaged inside the archive: {error}",
            hint="download the export again; what was read before stays",
        ) from error


def _file_blocks(file: FileIO, meter: _Meter) -> Iterator[bytes]:
    meter.check()
    file.seek(0)
    while block := _block(file):
        meter.took(len(block))
        yield block


def _block(file: FileIO) -> bytes:
    try:
        return file.read(BLOCK_BYTES) or b""
    except OSError as error:
        raise BadImport(
            f"reading failed: {error.strerror}", hint="check the disk, then import again"
        ) from error


def _in_folder(folder: Path, limits: Limits) -> Iterator[Document]:
    found: dict[str, tuple[Path, int]] = {}
    shown: list[str] = []
    seen = 0
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        seen += len(names)
        shown += names[: 5 - len(shown)]
        if seen > limits.files:
            refuse(str(folder), f"it holds more than {limits.files:,} files")
        for name in names:
            path = Path(parent, name)
            if name.lower().endswith(".json") and stat.S_ISREG((about := path.lstat()).st_mode):
                found[path.relative_to(folder).as_posix()] = (path, about.st_size)
    meter = _Meter(str(folder), limits, None)
    chosen, sure = _chosen({name: (name, *where) for name, where in found.items()})
    if not chosen:
        raise _nothing_inside(str(folder), shown)
    for name, path, size_bytes in chosen:
        yield Document(one_line(name), size_bytes, partial(_path_blocks, path, meter), sure)


def _path_blocks(path: Path, meter: _Meter) -> Iterator[bytes]:
    # The file may have become a link since the folder was listed.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        file = FileIO(os.open(path, flags))
    except OSError as error:
        raise BadImport(f"{path} can't be opened: {error.strerror}", hint="check the folder") from error
    with file:
        yield from _file_blocks(file, meter)


def _chosen(files: dict[str, T]) -> tuple[list[T], bool]:
    """The files to read, by name: the ones called conversations (True), or else every other JSON."""
    visible = sorted(name for name in files if not _last(name).startswith("._"))
    named = [files[name] for name in visible if _CONVERSATIONS.fullmatch(_last(name))]
    return (named, True) if named else ([files[n] for n in visible if n.lower().endswith(".json")], False)


def _last(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _nothing_inside(name: str, found: list[str]) -> BadImport:
    listed = ", ".join(one_line(entry)[:60] for entry in found[:5]) or "nothing"
    return BadImport(
        f"{name} holds no conversations.json and no other JSON file; found: {listed}",
        hint="give the zip as ChatGPT or Claude sent it, or the folder it unpacks to",
    )
