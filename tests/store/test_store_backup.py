"""Backups made while the store is in use, and put back."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from fireside.conversations import ReplyStatus
from fireside.errors import Conflict, NotFound, StoreDamaged, StoreFull, StoreTooNew
from fireside.messages import Defaults, Role, said
from fireside.store import Store, backup, put_back


def chat(store: Store, text: str) -> str:
    conversation = store.create_conversation()
    store.add_message(conversation.id, said(Role.USER, text), parent_id=None)
    return conversation.id


def listed(store: Store) -> list[str]:
    return [conversation.id for conversation in store.conversations().conversations]


def test_a_backup_is_one_closed_file_that_opens_as_a_store(
    store: Store, backups: Path, tmp_path: Path
) -> None:
    conversation_id = chat(store, "words")
    copy = tmp_path / "with spaces? and # signs" / "copy.db"
    assert store.backup(copy) == copy.stat().st_size > 0
    assert [file.name for file in copy.parent.iterdir()] == ["copy.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    opened = Store.open(copy, backups)
    assert opened.tree(conversation_id) == store.tree(conversation_id)
    assert opened.search("words") == store.search("words")
    opened.close()


def test_a_backup_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    existing = tmp_path / "precious.txt"
    existing.write_text("precious")
    with pytest.raises(Conflict):
        store.backup(existing)
    assert existing.read_text() == "precious"


def test_a_file_system_without_hard_links_will_do(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, to: Path) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    assert store.backup(tmp_path / "copy.db") > 0
    with pytest.raises(Conflict):
        store.backup(tmp_path / "copy.db")


def test_a_backup_beside_a_busy_writer_is_consistent(store: Store, tmp_path: Path) -> None:
    conversation = store.create_conversation()
    stop, started = threading.Event(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.add_turn(
                conversation.id, said(Role.USER, "busy"), parent_id=None, defaults=Defaults(), model="m"
            )
            started.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert started.wait(30)
    sizes = []
    for number in range(5):
        copy = tmp_path / f"{number}.db"
        store.backup(copy)
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            query = "SELECT messages_count, (SELECT count(*) FROM messages) FROM conversations"
            ((noted, counted),) = connection.execute(query).fetchall()
        assert noted == counted
        assert counted % 2 == 0, "a turn is in the copy whole or not at all"
        sizes.append(counted)
    stop.set()
    writer.join()
    assert sizes == sorted(sizes)


def test_a_restored_backup_takes_the_place_of_everything(store: Store, backups: Path, tmp_path: Path) -> None:
    first = chat(store, "first")
    store.backup(tmp_path / "copy.db")
    second = chat(store, "second")
    before = (tmp_path / "copy.db").read_bytes()
    kept = store.replace_with(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == before
    assert listed(store) == [first]
    assert store.search("second") == ()
    third = chat(store, "third")
    assert listed(store) == [third, first]
    assert len(store.search("third")) == 1
    old = Store.open(kept, backups)
    assert listed(old) == [second, first]
    old.close()


def test_who_reads_while_it_is_restored_sees_the_old_data_or_the_new(store: Store, tmp_path: Path) -> None:
    for number in range(30):
        chat(store, f"old {number}")
    old = set(listed(store))
    store.backup(tmp_path / "copy.db")
    for id_ in old:
        store.delete_forever(id_)
    new = {chat(store, f"new {number}") for number in range(30)}
    seen: list[set[str]] = []
    stop, started = threading.Event(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(set(listed(store)))
            started.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(30)
    store.replace_with(tmp_path / "copy.db")
    stop.set()
    reader.join()
    assert set(listed(store)) == old
    assert all(page in (old, new) for page in seen)


def test_a_reply_that_was_running_in_the_backup_is_interrupted(store: Store, tmp_path: Path) -> None:
    conversation = store.create_conversation()
    _, reply = store.add_turn(
        conversation.id, said(Role.USER, "?"), parent_id=None, defaults=Defaults(), model="m"
    )
    store.journal(reply.id, text="half an")
    store.backup(tmp_path / "copy.db")
    store.replace_with(tmp_path / "copy.db")
    assert store.message(reply.id).status is ReplyStatus.INTERRUPTED
    assert store.message(reply.id).text == "half an"


def test_a_database_copied_by_hand_is_restored_with_its_log(store: Store, path: Path, tmp_path: Path) -> None:
    conversation_id = chat(store, "only in the log")
    by_hand = tmp_path / "by hand"
    by_hand.mkdir()
    for file in (path, Path(f"{path}-wal")):
        (by_hand / file.name).write_bytes(file.read_bytes())
    store.delete_forever(conversation_id)
    store.replace_with(by_hand / path.name)
    assert listed(store) == [conversation_id]


def test_what_cannot_be_restored_changes_nothing(store: Store, backups: Path, tmp_path: Path) -> None:
    kept = chat(store, "kept")
    store.backup(tmp_path / "whole.db")
    whole = (tmp_path / "whole.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.db").write_bytes(b"just text " * 1000)
    (tmp_path / "empty.db").write_bytes(b"")
    scrambled = bytearray(whole)
    scrambled[4096 * 9 : 4096 * 12] = b"\xff" * (4096 * 3)
    (tmp_path / "scrambled.db").write_bytes(scrambled)
    for name in ("cut.db", "text.db", "empty.db", "scrambled.db"):
        with pytest.raises(StoreDamaged) as refused:
            store.replace_with(tmp_path / name)
        assert name in refused.value.message
    with pytest.raises(NotFound):
        store.replace_with(tmp_path / "missing.db")
    assert listed(store) == [kept]
    assert not backups.exists()
    assert not list(tmp_path.glob(".restore*"))


def test_a_newer_backup_is_refused(store: Store, tmp_path: Path) -> None:
    kept = chat(store, "kept")
    newer = tmp_path / "newer.db"
    store.backup(newer)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreTooNew):
        store.replace_with(newer)
    assert listed(store) == [kept]


def test_without_room_to_keep_the_old_data_nothing_is_restored(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat(store, "old")
    store.backup(tmp_path / "copy.db")
    new = chat(store, "new")

    def full(database: Path, to: Path) -> int:
        raise StoreFull("no room")

    monkeypatch.setattr(backup, "copy", full)
    with pytest.raises(StoreFull):
        store.replace_with(tmp_path / "copy.db")
    assert listed(store)[0] == new
    chat(store, "the store goes on")


def test_a_backup_takes_the_place_of_a_database_that_cannot_be_opened(
    store: Store, path: Path, backups: Path, tmp_path: Path
) -> None:
    conversation_id = chat(store, "words")
    store.backup(tmp_path / "copy.db")
    store.close()
    path.write_bytes(b"rubbish " * 1000)
    kept = put_back(path, tmp_path / "copy.db", backups)
    assert kept.read_bytes() == b"rubbish " * 1000
    reopened = Store.open(path, backups)
    assert listed(reopened) == [conversation_id]
    reopened.close()


def test_names_of_backups_are_never_taken_twice(tmp_path: Path) -> None:
    names = set()
    for _ in range(5):
        path = backup.dated(tmp_path, "before")
        path.touch()
        names.add(path)
    assert len(names) == 5
