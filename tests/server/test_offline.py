"""A damaged database is refused and kept, and a backup takes its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.errors import AlreadyRunning, StoreDamaged
from fireside.messages import Role, said
from fireside.runtime import acquire
from fireside.server.offline import restore
from fireside.settings import Home, Settings
from fireside.store import Store


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "home")


@pytest.fixture
def backup(tmp_path: Path, home: Home) -> Path:
    store = Store.open(home.data / "fireside.db", home.backups)
    store.add_message(store.create_conversation().id, said(Role.USER, "kept"), parent_id=None)
    copy = tmp_path / "copy.db"
    store.backup(copy)
    store.close()
    return copy


def test_a_backup_takes_the_place_of_a_damaged_database(home: Home, backup: Path) -> None:
    database = home.data / "fireside.db"
    database.write_bytes(b"damaged" * 1000)
    with pytest.raises(StoreDamaged):
        Store.open(database, home.backups)
    counts, kept = restore(Settings(), home, backup)
    assert (counts.conversations, counts.messages) == (1, 1)
    assert kept.read_bytes().startswith(b"damaged")


def test_without_a_server_a_sound_database_is_replaced_too(home: Home, backup: Path) -> None:
    store = Store.open(home.data / "fireside.db", home.backups)
    store.create_conversation(title="later")
    store.close()
    counts, kept = restore(Settings(), home, backup)
    assert counts.conversations == 1
    assert kept.exists()


def test_a_backup_that_is_none_changes_nothing(home: Home, backup: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(backup.read_bytes()[:5000])
    with pytest.raises(StoreDamaged):
        restore(Settings(), home, broken)
    assert restore(Settings(), home, backup)[0].conversations == 1


def test_a_running_server_keeps_its_database(home: Home, backup: Path) -> None:
    lock = acquire(home)
    with pytest.raises(AlreadyRunning):
        restore(Settings(), home, backup)
    lock.release(force=True)
