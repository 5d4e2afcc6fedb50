"""Small files that are replaced as a whole: after a cut the old one is there, or the new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def write_whole(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Put `data` in the place of what is at `path`, for its owner's eyes alone; its folder must be there.

    A `lasting` one is on the disk when this returns. OSError where it can't be written, and then nothing is
    left of it. Two that write at once don't mix: the last one counts.
    """
    import tempfile  # late: the terminal starts without it

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".new", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def read_whole(path: Path, kind: type[T]) -> T:
    """Return what a small file of JSON says.

    OSError where it can't be read, msgspec.DecodeError where it is damaged: a changed byte in a text, and
    endless nesting, come out of msgspec as errors of Python's own.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
