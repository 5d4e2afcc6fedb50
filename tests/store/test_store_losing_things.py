"""What must never be lost: kill -9 while writing, a full disk, damaged and locked files."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from fireside.conversations import ReplyStatus
from fireside.errors import StoreBusy, StoreDamaged, StoreError
from fireside.messages import Defaults, Role, said
from fireside.store import Store, database

CHILD = Path(__file__).with_name("writing_child.py")
KILLS = 60


class Acknowledged:
    """What the killed writers had acknowledged before they died."""

    def __init__(self) -> None:
        self.messages: set[str] = set()
        self.finished: set[str] = set()
        self.said: dict[str, str] = defaultdict(str)

    def note(self, line: str) -> None:
        kind, *words = line.removesuffix("\n").split(" ", 2)
        if kind == "message":
            self.messages.add(words[0])
        elif kind == "finished":
            self.finished.add(words[0])
        elif kind == "said":
            self.said[words[0]] += words[1]

    def check(self, store: Store) -> None:
        for id_ in self.messages:
            assert store.has_message(id_)
        for id_ in self.finished:
            assert store.message(id_).status is ReplyStatus.COMPLETE
        for id_, text in self.said.items():
            assert store.message(id_).text.startswith(text)


@pytest.fixture
def writers(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(CHILD), "endless", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        yield child
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=30) == 0


def kill_after(child: subprocess.Popen[str], lines: int, acknowledged: Acknowledged) -> None:
    """Let a new writer acknowledge that many lines, kill it, and note all that it acknowledged."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("go\n")
    child.stdin.flush()
    heard, writer = 0, 0
    for line in child.stdout:
        if line.startswith("writer "):
            writer = int(line.split()[1])
        elif line == "killed\n":
            return
        else:
            acknowledged.note(line)
            heard += 1
        if writer and heard >= lines:
            os.kill(writer, signal.SIGKILL)
            lines = sys.maxsize


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a Unix matter")
def test_sixty_kills_lose_nothing_that_was_acknowledged(
    writers: subprocess.Popen[str], path: Path, backups: Path
) -> None:
    dice, acknowledged = random.Random(), Acknowledged()
    for kill in range(1, KILLS + 1):
        kill_after(writers, dice.randrange(30), acknowledged)
        if kill % 10 == 0 or kill == KILLS:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = Store.open(path, backups)
    store.interrupt_unfinished()
    acknowledged.check(store)
    assert len(acknowledged.finished) > KILLS
    ended = {message.status for id_ in acknowledged.messages for message in [store.message(id_)]}
    assert ended == {ReplyStatus.COMPLETE, ReplyStatus.INTERRUPTED}
    assert len(store.search("天气", limit=10_000)) >= min(len(acknowledged.finished), 1000)
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are a Unix matter")
def test_a_full_disk_refuses_writes_keeps_chats_readable_and_recovers(path: Path) -> None:
    child = subprocess.run(
        [sys.executable, str(CHILD), "starved", str(path)], capture_output=True, text=True, timeout=60
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.split("\n") == ["full disk_full hint", "backup-refused", "recovered", ""]


def chat(store: Store, messages: int = 1) -> str:
    conversation = store.create_conversation()
    for number in range(messages):
        store.add_message(conversation.id, said(Role.USER, f"number {number} " * 50), parent_id=None)
    return conversation.id


@pytest.mark.parametrize("content", [b"not a database at all, but some text\n" * 100, b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, backups: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreDamaged) as refused:
        Store.open(path, backups)
    assert "restore" in (refused.value.hint or "")
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_kept(path: Path, backups: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cookies(name)")
    before = path.read_bytes()
    with pytest.raises(StoreDamaged):
        Store.open(path, backups)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_truncated_database_is_refused_and_kept(
    store: Store, path: Path, backups: Path, kept: float
) -> None:
    chat(store, 100)
    store.close()
    os.truncate(path, int(path.stat().st_size * kept))
    before = path.read_bytes()
    with pytest.raises(StoreDamaged) as refused:
        Store.open(path, backups)
    assert str(path) in refused.value.message
    assert path.read_bytes() == before


def test_garbage_in_the_middle_is_an_error_when_it_is_read(store: Store, path: Path, backups: Path) -> None:
    conversation_id = chat(store, 200)
    store.close()
    content = bytearray(path.read_bytes())
    start, end = 4096 * 8, len(content) - 4096
    content[start:end] = random.Random(1).randbytes(end - start)
    path.write_bytes(content)
    with pytest.raises(StoreDamaged):
        read_everything(path, backups, conversation_id)
    assert path.read_bytes() == content


def read_everything(path: Path, backups: Path, conversation_id: str) -> None:
    with closing(Store.open(path, backups)) as store:
        store.tree(conversation_id)
        store.search("number")


def test_damage_after_an_unclean_end_is_found_when_the_store_is_opened(
    store: Store, path: Path, backups: Path
) -> None:
    chat(store, 200)
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 12 : 4096 * 20] = bytes(4096 * 8)
    path.write_bytes(content)
    Path(f"{path}-wal").write_bytes(b"what a program that died left behind")
    with pytest.raises(StoreDamaged):
        Store.open(path, backups)


def test_a_log_without_its_database_is_not_thrown_away(store: Store, path: Path, backups: Path) -> None:
    log = Path(f"{path}-wal")
    chat(store)
    content = log.read_bytes()
    store.close()
    path.unlink()
    log.write_bytes(content)
    with pytest.raises(StoreDamaged):
        Store.open(path, backups)
    assert log.read_bytes() == content
    assert not path.exists()


def test_a_lost_log_leaves_what_was_in_the_database(store: Store, path: Path, backups: Path) -> None:
    first = chat(store)
    store.close()
    reopened = Store.open(path, backups)
    chat(reopened)
    saved = path.read_bytes()
    reopened.close()
    path.write_bytes(saved)
    after = Store.open(path, backups)
    assert [conversation.id for conversation in after.conversations().conversations] == [first]
    after.close()


def test_a_database_that_another_program_locks_is_busy_and_then_not(
    store: Store, path: Path, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    impatient = Store.open(path, backups)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy) as busy:
            impatient.create_conversation()
        assert busy.value.hint
        assert impatient.conversations().conversations == ()
        other.execute("ROLLBACK")
    impatient.create_conversation()
    impatient.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, backups: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as refused:
        Store.open(tmp_path / "file" / "fireside.db", backups)
    assert refused.value.hint


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    for call in (store.conversations, store.create_conversation):
        with pytest.raises(StoreError):
            call()


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    conversation = store.create_conversation()
    failures: list[BaseException] = []

    def talk(number: int) -> None:
        try:
            for _ in range(10):
                asked, reply = store.add_turn(
                    conversation.id,
                    said(Role.USER, f"thread {number}"),
                    parent_id=None,
                    defaults=Defaults(),
                    model="m",
                )
                store.journal(reply.id, text="words")
                assert store.message(reply.id).text == "words"
                assert [message.id for message in store.branch(reply.id)] == [asked.id, reply.id]
                assert len(store.search("thread", limit=1)) == 1
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.conversation(conversation.id).messages_count == 240
    assert len(store.tree(conversation.id).messages) == 240


def test_what_is_read_together_fits_together(store: Store, path: Path) -> None:
    reading = database.Database(path)
    with reading.reading() as connection:
        before = connection.execute(sqlalchemy.text("SELECT count(*) FROM messages")).scalar_one()
        chat(store)
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM messages")).scalar_one() == before
    with reading.reading() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM messages")).scalar_one() == before + 1
    reading.close()
