"""Copies of the database, made while it is in use."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from fireside.errors import Conflict
from fireside.store.database import connect, make_file
from fireside.store.faults import translated


def dated(folder: Path, name: str) -> Path:
    """Return a path in `folder` that isn't taken, named after the present moment.

    The clock may stand still or jump back, so a number goes on where the name is taken.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    number, path = 1, folder / f"{name}-{stamp}.db"
    while path.exists():
        number += 1
        path = folder / f"{name}-{stamp}-{number}.db"
    return path


def copy(database: Path, to: Path) -> int:
    """Write everything committed up to now to the new file `to`, and return its size in bytes.

    Who writes meanwhile isn't held up. Conflict when `to` exists; it is never half written.
    """
    if to.exists():
        raise _taken(to)
    partial = to.with_name(to.name + ".partial")
    partial.unlink(missing_ok=True)
    make_file(partial)
    try:
        with translated(to):
            with closing(connect(database, mode="ro")) as connection:
                connection.execute("VACUUM INTO ?", (str(partial),))
            _sync(partial)
            _publish(partial, to)
    finally:
        partial.unlink(missing_ok=True)
    return to.stat().st_size


def _taken(path: Path) -> Conflict:
    return Conflict(f"{path} exists already", hint="choose another name; a backup overwrites nothing")


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _publish(partial: Path, to: Path) -> None:
    """Give the finished file its name, unless somebody else took it meanwhile."""
    try:
        os.link(partial, to)
    except FileExistsError:
        raise _taken(to) from None
    except OSError:  # a file system without hard links
        if to.exists():
            raise _taken(to) from None
        partial.rename(to)
