"""What must work without a server: a backup in the place of a damaged database, and the first key."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fireside.cards import NewKey, Scope
from fireside.errors import StoreDamaged, StoreTooNew
from fireside.runtime import acquire
from fireside.server.keys import Keys
from fireside.server.listening import is_beyond_loopback, refuse_without_key
from fireside.settings import Home, Settings
from fireside.store import Store, StoreCounts, put_back

LAN_SCOPES: tuple[Scope, ...] = ("chat",)


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


def first_key(settings: Settings, home: Home, *, makes_key: bool) -> NewKey | None:
    """Return the key that had to be made before others may reach this machine, None where none had to.

    AddressRefused when there is none and `makes_key` doesn't allow to make it. The home must be held.
    """
    if not is_beyond_loopback(settings.host):
        return None
    store = Store.open(home.database(settings), home.backups)
    try:
        keys = Keys(store.keys)
        if keys.exist:
            return None
        if not makes_key:
            raise refuse_without_key(settings.host)
        return keys.make("lan", LAN_SCOPES)
    finally:
        store.close()


def new_key(settings: Settings, home: Home, name: str, scopes: Collection[Scope]) -> NewKey:
    """Make a key while no server runs, which may be because it refuses to run without one.

    AlreadyRunning while a server has this home: it makes keys by itself.
    """
    lock = acquire(home)
    try:
        store = Store.open(home.database(settings), home.backups)
        try:
            return Keys(store.keys).make(name, scopes)
        finally:
            store.close()
    finally:
        lock.release(force=True)
