"""What must work without a server: a backup in the place of a damaged database, and the first key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fireside.cards import NewKey, Scope
from fireside.errors import StoreDamaged, StoreTooNew
from fireside.runtime import acquire
from fireside.server.keys import LAN_KEY, Keys
from fireside.server.listening import is_beyond_loopback
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


def lacks_key(settings: Settings, home: Home) -> bool:
    """Return whether others could reach a server with these settings, and no key exists.

    The home must be held.
    """
    if not is_beyond_loopback(settings.host):
        return False
    with _keys(settings, home) as keys:
        return not keys.exist


def first_key(settings: Settings, home: Home) -> NewKey:
    """Make the key of those who come from the network. The home must be held."""
    with _keys(settings, home) as keys:
        return keys.make(LAN_KEY, LAN_SCOPES)


def new_key(settings: Settings, home: Home, name: str, scopes: Collection[Scope]) -> NewKey:
    """Make a key while no server runs, which may be because it refuses to run without one.

    AlreadyRunning while a server has this home: it makes keys by itself.
    """
    lock = acquire(home)
    try:
        with _keys(settings, home) as keys:
            return keys.make(name, scopes)
    finally:
        lock.release(force=True)


@contextmanager
def _keys(settings: Settings, home: Home) -> Iterator[Keys]:
    store = Store.open(home.database(settings), home.backups)
    try:
        yield Keys(store.keys)
    finally:
        store.close()
