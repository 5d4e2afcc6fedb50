"""A backup takes the place of the database, all of it or not at all."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fireside.errors import NotFound, StoreDamaged
from fireside.store import backup, migration, replies
from fireside.store.database import Database, check, connect, revision_of
from fireside.store.faults import translated

_COMPANIONS = ("-wal", "-shm")
_WHO_GETS_IN = ("keys", "sessions")


def replace(database: Database, source: Path, backups: Path) -> Path:
    """Replace what `database` holds by the backup `source`, and return where the old data lies now.

    SQLite copies within one transaction: who reads sees the old data or the new, and a power
    cut leaves one of the two. Keys and sessions stay as they are: a key that was removed since the
    backup must not open anything again.
    """
    beside = database.path_of_file()
    with translated(beside), _checked_copy(source, beside, backups) as fresh, database.quiet() as path:
        kept = backup.dated(backups, "before-restore")
        backup.copy(path, kept)
        with closing(connect(fresh)) as new, closing(connect(path)) as current:
            _keep_keys(current, new)
            new.backup(current)
    return kept


def _keep_keys(current: sqlite3.Connection, new: sqlite3.Connection) -> None:
    for table in reversed(_WHO_GETS_IN):
        new.execute(f"DELETE FROM {table}")  # noqa: S608
    for table in _WHO_GETS_IN:
        rows = current.execute(f"SELECT * FROM {table}")  # noqa: S608
        places = ", ".join("?" * len(rows.description))
        new.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608


def put_back(path: Path, source: Path, backups: Path) -> Path:
    """Put the backup `source` at `path`, whose database can't be opened, and return where that lies now.

    Only for a database that no server uses.
    """
    with translated(path), _checked_copy(source, path, backups) as fresh:
        kept = backup.dated(backups, "damaged")
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for companion in ("", *_COMPANIONS):
            file = Path(f"{path}{companion}")
            if file.exists():
                shutil.move(file, f"{kept}{companion}")
        fresh.replace(path)
    return kept


@contextmanager
def _checked_copy(source: Path, beside: Path, backups: Path) -> Iterator[Path]:
    """A copy of `source` on the disk of `beside`: whole, ours, migrated, no reply still running in it.

    `source` is never changed. NotFound when there is none, StoreDamaged when it can't be used.
    """
    if not source.is_file():
        raise NotFound(f"there is no backup {source}", hint="check the path")
    beside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside.parent) as folder:
        fresh = Path(folder) / "fresh.db"
        _copy_files(source, fresh)
        try:
            _check_whole(fresh)
        except StoreDamaged as error:
            raise StoreDamaged(
                f"{source} can't be restored: {error.__cause__ or error.message}",
                hint="nothing was changed; choose another backup",
            ) from error
        database = migration.prepare(fresh, backups)
        with database.writing() as connection:
            replies.interrupt_unfinished(connection)
        database.close()
        yield fresh


def _copy_files(source: Path, fresh: Path) -> None:
    """Copy a backup; of a database that was copied by hand the log belongs to it."""
    for companion in ("", "-wal"):
        file = Path(f"{source}{companion}")
        if file.exists():
            shutil.copyfile(file, f"{fresh}{companion}")
    fresh.chmod(0o600)


def _check_whole(fresh: Path) -> None:
    if revision_of(fresh) is None:
        raise StoreDamaged("it is empty")
    with translated(fresh), closing(connect(fresh)) as connection:
        check(connection, fresh)
