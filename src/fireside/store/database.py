"""The connections to one SQLite database: one that writes, a few that read.

SQLite before 3.51.3 can damage a database in WAL mode when two connections write or checkpoint
at the same moment (https://sqlite.org/wal.html#walresetbug), so only one connection is ever able
to: the writer, behind a lock. Readers are opened read-only.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, StaticPool, create_engine, event

from fireside.errors import StoreError
from fireside.store.faults import damaged, translated

BUSY_TIMEOUT_S = 5.0
CHECKPOINT_TIMEOUT_S = 1.0
_READERS = 4
# Durable when acknowledged (synchronous FULL syncs the log at every commit); what is deleted is overwritten.
_WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
_WAL_LIMIT_BYTES = 64 * 1024 * 1024


class Database:
    """One database file, or one in memory where `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._closed = False
        self._writer = _engine(self._connect_writer, "BEGIN IMMEDIATE", poolclass=StaticPool)
        self._readers = _engine(
            self._connect_reader, "BEGIN", poolclass=QueuePool, pool_size=_READERS, max_overflow=0
        )
        with translated(path):
            self._hold_writer()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, on disk when the block has been left without an error."""
        with translated(self.path), self._lock, self._open(self._writer).begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the data; never waits for the writer."""
        if self.path is None:
            with self.writing() as connection:
                yield connection
        else:
            with translated(self.path), self._open(self._readers).begin() as connection:
                yield connection

    def empty_log(self) -> None:
        """Move the log into the file and empty it: pages that were overwritten stand in it until then.

        Who reads for longer than a moment keeps it; the next time, or the end, empties it then.
        """
        if self.path is not None:
            with translated(self.path), closing(connect(self.path, timeout_s=CHECKPOINT_TIMEOUT_S)) as own:
                own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    @contextmanager
    def quiet(self) -> Iterator[Path]:
        """Nobody writes inside the block, and the writer's connection is closed; reading goes on."""
        path = self.path_of_file()
        with translated(path), self._lock:
            self._open(self._writer).dispose()
            try:
                yield path
            finally:
                self._hold_writer()

    def _hold_writer(self) -> None:
        """Connect the writer: only it can empty the log into the file when the store is closed."""
        self._writer.connect().close()

    def path_of_file(self) -> Path:
        """StoreError for a database in memory."""
        if self.path is None:
            raise StoreError("temporary conversations have no file")
        return self.path

    def close(self) -> None:
        """Close every connection, the writer last: it empties the log into the file."""
        with self._lock:
            self._closed = True
            self._readers.dispose()
            self._writer.dispose()

    def _open(self, engine: Engine) -> Engine:
        if self._closed:
            raise StoreError("the store is closed", hint="the server is stopping; start it again")
        return engine

    def _connect_writer(self) -> sqlite3.Connection:
        if self.path is None:
            connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        else:
            connection = connect(self.path)
        for pragma in (*_WRITER_PRAGMAS, f"journal_size_limit={_WAL_LIMIT_BYTES}", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        connection = connect(self.path_of_file(), mode="ro")
        connection.execute("PRAGMA cache_size=-16000")
        return connection


def connect(path: Path, *, mode: str = "rw", timeout_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Open an existing database file; no transaction is begun for the caller."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout_s,
        check_same_thread=False,
        isolation_level=None,
    )


@contextmanager
def alone(path: Path) -> Iterator[Connection]:
    """One transaction of the only connection to a database, where references aren't enforced."""
    engine = _engine(lambda: connect(path), "BEGIN IMMEDIATE", poolclass=StaticPool)
    try:
        with translated(path), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_file(path: Path) -> None:
    """Create an empty database file, readable by its owner only; one that exists is left alone."""
    log = Path(f"{path}-wal")
    if _size(path) == 0 and _size(log) > 0:
        # SQLite would throw the log away, and it may hold the only copy of what was said last.
        raise damaged(path, f"it is gone, but its log {log.name} is there")
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def revision_of(path: Path) -> str | None:
    """Return the schema revision of a database file, None for an empty one; nothing is changed.

    StoreDamaged when it isn't a database, isn't one of ours, or doesn't hold together after the
    program that used it ended without closing it.
    """
    left_open = _size(Path(f"{path}-wal")) > 0
    with translated(path), closing(connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if left_open:
            check(connection, path, "quick_check")
        if not tables:
            return None
        if not {"alembic_version", "conversations", "messages"} <= tables:
            raise damaged(path, "it isn't a database of Fireside")
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found[0]) if found else ""


def check(connection: sqlite3.Connection, path: Path, pragma: str = "integrity_check") -> None:
    """StoreDamaged when SQLite's own check finds a fault."""
    (found,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
    if found != "ok":
        raise damaged(path, found)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _engine(creator: Any, begin: str, **pool: Any) -> Engine:
    engine = create_engine("sqlite://", creator=creator, **pool)

    # The driver's own notion of when a transaction begins is too late for a consistent view.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
