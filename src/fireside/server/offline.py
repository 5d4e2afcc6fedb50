"""What must work without a server: putting a backup in the place of a database that can't be opened."""

from __future__ import annotations

from pathlib import Path

from fireside.errors import StoreDamaged, StoreTooNew
from fireside.runtime import acquire
from fireside.settings import Home, Settings
from fireside.store import Store, StoreCounts, put_back


def restore(settings: Settings, home: Home, backup: Path) -> tuple[StoreCounts, Path]:
    """Put `backup` in the database's place; return what it holds and where the old data went.

    AlreadyRunning while a server has this home: it restores by itself. StoreDamaged when the
    backup can't be used, and then nothing is changed.
    """
    path = home.database(settings)
    lock = acquire(home)
    try:
        try:
            store = Store.open(path, home.backups)
        except (StoreDamaged, StoreTooNew):
            kept = put_back(path, backup, home.backups)
            store = Store.open(path, home.backups)
        else:
            kept = store.replace_with(backup)
        try:
            return store.counts(), kept
        finally:
            store.close()
    finally:
        lock.release(force=True)
