"""What SQLite's error codes mean to a person (https://sqlite.org/rescode.html)."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import sqlalchemy.exc

from fireside.errors import BadRequest, FiresideError, StoreBusy, StoreDamaged, StoreError, StoreFull

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# A quota or a limit on file sizes is reported as a failed write, not as SQLITE_FULL.
_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
RESTORE_HINT = "the file was left as it is; put a backup in its place with `fireside restore FILE`"


def damaged(path: Path | None, why: str) -> StoreDamaged:
    """Return the error for a database that can't be trusted any more."""
    return StoreDamaged(f"the database {path or ''} is damaged: {why}", hint=RESTORE_HINT)


def _full(path: Path | None) -> StoreFull:
    return StoreFull(
        f"{path or 'the database'} can't be written: the disk is full",
        hint="make room on the disk and try again; what was stored before is safe",
    )


def translate(error: sqlite3.Error, path: Path | None) -> StoreError:
    """Return our error for one of SQLite's; `path` is the database."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _FULL or code & 0xFF in _FULL:
        return _full(path)
    if code & 0xFF in _BUSY:
        return StoreBusy(
            f"the database {path or ''} is in use by another program",
            hint="close the other program and try again",
        )
    if code & 0xFF in _DAMAGED or code & 0xFF == sqlite3.SQLITE_IOERR:
        return damaged(path, str(error))
    return StoreError(
        f"the database {path or ''} refused: {error}", hint="check that its folder and the file are writable"
    )


def _of_system(error: OSError, path: Path | None) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _full(path)
    return StoreError(
        f"{error.filename or path} can't be used: {error.strerror}",
        hint="check that the folder is there and that it can be written",
    )


@contextmanager
def translated(path: Path | None) -> Iterator[None]:
    """Turn what SQLite, the file system and the reading of rows raise inside into errors of our tree."""
    try:
        yield
    except FiresideError:
        raise
    except sqlalchemy.exc.DBAPIError as error:
        raise _of_driver(error, path) from error
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreBusy("too many readers at once", hint="try again in a moment") from error
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except OSError as error:
        raise _of_system(error, path) from error
    except msgspec.MsgspecError as error:
        raise damaged(path, f"a row can't be read: {error}") from error
    except UnicodeEncodeError as error:
        raise BadRequest("the text holds half a character", hint="send well-formed UTF-8") from error


def _of_driver(error: sqlalchemy.exc.DBAPIError, path: Path | None) -> StoreError:
    if isinstance(error.orig, sqlite3.Error):
        return translate(error.orig, path)
    return StoreError(f"the database {path or ''} refused: {error.orig}")
