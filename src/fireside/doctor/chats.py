"""The database of the chats: whole or damaged, how large, and which backups there are."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from fireside.amounts import in_bytes
from fireside.doctor import Examined
from fireside.doctor.findings import Finding, Mend, Said, note, problem, problem_of, said, well
from fireside.errors import FiresideError, StoreDamaged, StoreError
from fireside.runtime import acquire
from fireside.store import put_back
from fireside.store.database import check, connect
from fireside.store.faults import damaged, translated

LARGE_LOG_BYTES = 256 * 2**20
OLD_DAYS = 30
DAMAGED = "damaged-"
"""how files begin that were taken out of use because they were damaged"""


def check_chats(who: Examined) -> Iterator[Finding]:
    path = who.home.database(who.settings)
    backups = _backups(who.home.backups)
    log = Path(f"{path}-wal")
    try:
        if not path.exists() and not (log.exists() and log.stat().st_size):
            yield well("chats", said("there are no chats yet"))
            return
        count = whole(path)
    except StoreDamaged as error:
        yield problem_of("chats", error, _restoring(who, backups))
        return
    except StoreError as error:
        yield problem_of("chats", error)
        return
    size = path.stat().st_size
    yield well(
        "chats",
        said("the chats are whole: {count}, in {size}", count=count, size=in_bytes(size)),
    )
    yield from _log(log, who)
    yield from _room(path, size)
    yield from _told(backups, count)


def whole(path: Path) -> int:
    """Return how many conversations the database has, after SQLite's own check of every page.

    Nothing is written. StoreDamaged for a database that isn't whole, or isn't ours.
    """
    if not path.is_file():
        raise damaged(path, "it is gone, but its log is there")
    # Without a log nobody has it open, and then a look needs no log of its own.
    mode = "ro" if Path(f"{path}-wal").exists() else "ro&immutable=1"
    with translated(path), closing(connect(path, mode=mode)) as connection:
        check(connection, path)
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not names:
            return 0
        if "conversations" not in names:
            raise damaged(path, "it isn't a database of Fireside")
        (count,) = connection.execute("SELECT count(*) FROM conversations").fetchone()
    return int(count)


def _backups(folder: Path) -> list[Path]:
    """Return the backups, the newest first."""
    found = [path for path in folder.glob("*.db") if not path.name.startswith(DAMAGED)]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _restoring(who: Examined, backups: list[Path]) -> Mend | None:
    """Return the way back to the newest backup that is whole; None without one, or while a server runs."""
    sound = None if who.is_held else next(filter(_is_whole, backups), None)
    if sound is None:
        return None

    def restore() -> Said:
        lock = acquire(who.home)
        try:
            path = who.home.database(who.settings)
            kept = put_back(path, sound, who.home.backups)
            return said(
                "the chats are back: {count}; the damaged file is kept at {path}",
                count=whole(path),
                path=kept,
            )
        finally:
            lock.release(force=True)

    return Mend(said("put the backup of {day} in its place ({path})", day=_day(sound), path=sound), restore)


def _is_whole(backup: Path) -> bool:
    try:
        whole(backup)
    except FiresideError:
        return False
    return True


def _log(log: Path, who: Examined) -> Iterator[Finding]:
    size = log.stat().st_size if log.exists() else 0
    if size > LARGE_LOG_BYTES and not who.is_held:
        yield note(
            "chats",
            said("the log of the database has {size}", size=in_bytes(size)),
            said("it is emptied when the server starts and ends the next time"),
        )


def _room(path: Path, size: int) -> Iterator[Finding]:
    """A backup, a restore and a migration need room for a second copy."""
    if shutil.disk_usage(path.parent).free < size * 2:
        yield problem(
            "chats",
            said("the disk has no room for a backup of the chats"),
            said("make room, or write the backup elsewhere: fireside backup /media/stick/chats.db"),
        )


def _told(backups: list[Path], count: int) -> Iterator[Finding]:
    how = said("make one: fireside backup FILE")
    if not backups:
        if count:
            yield note("chats", said("there is no backup of the chats here"), how)
        return
    days = int((time.time() - backups[0].stat().st_mtime) / 86_400)
    what = said("the newest backup here is of {day}: {path}", day=_day(backups[0]), path=backups[0])
    yield note("chats", what, how) if days > OLD_DAYS else well("chats", what)


def _day(path: Path) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
