"""Migrations: a backup first, one transaction, and no older program on newer data."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from fireside.errors import StoreFull, StoreTooNew
from fireside.messages import Role, said
from fireside.store import Store, backup, migration, schema
from fireside.store.database import alone, make_file, revision_of

LATER = "later"
NEXT = '''
"""A later schema."""

import sqlalchemy as sa
from alembic import op

revision = "{later}"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("colour", sa.Text))
    with op.batch_alter_table("messages") as messages:
        messages.alter_column("role", new_column_name="speaker")
    {more}
'''


def scripts_with(folder: Path, more: str = "pass") -> Path:
    """A copy of the migrations with one more step."""
    scripts = folder / "migrations 100%"
    shutil.copytree(migration.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "later.py").write_text(NEXT.format(more=more, later=LATER, head=schema.HEAD))
    return scripts


@pytest.fixture
def filled(store: Store, path: Path) -> Path:
    conversation = store.create_conversation(title="Kept")
    store.add_message(conversation.id, said(Role.USER, "words"), parent_id=None)
    store.close()
    return path


def columns(path: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def test_the_head_of_the_schema_is_the_last_migration() -> None:
    assert ScriptDirectory(str(migration.SCRIPTS)).get_current_head() == schema.HEAD


def test_migrating_from_nothing_gives_the_same_tables_as_creating_them(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    make_file(migrated)
    with alone(migrated) as connection:
        migration._run(connection, migration.SCRIPTS, "base", schema.HEAD)
        context = MigrationContext.configure(connection, opts={"include_name": of_ours})
        assert compare_metadata(context, schema.metadata) == []
    make_file(created)
    with alone(created) as connection:
        schema.create(connection)
    assert definitions(migrated) == definitions(created)


def of_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name in schema.metadata.tables


def definitions(path: Path) -> list[tuple[str, str, str]]:
    query = "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name <> 'alembic_version'"
    with closing(sqlite3.connect(path)) as connection:
        return sorted((kind, name, " ".join(sql.split())) for kind, name, sql in connection.execute(query))


def test_a_migration_leaves_a_backup_and_keeps_everything(
    filled: Path, backups: Path, tmp_path: Path
) -> None:
    database = migration.prepare(filled, backups, scripts=scripts_with(tmp_path), head=LATER)
    database.close()
    assert revision_of(filled) == LATER
    assert "colour" in columns(filled, "conversations")
    assert "speaker" in columns(filled, "messages")
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("SELECT title FROM conversations").fetchall() == [("Kept",)]
    (copy,) = backups.iterdir()
    assert revision_of(copy) == schema.HEAD
    older = Store.open(copy, backups)
    assert len(older.search("words")) == 1
    older.close()


def test_a_migration_that_fails_changes_nothing(filled: Path, backups: Path, tmp_path: Path) -> None:
    scripts = scripts_with(tmp_path, more='raise RuntimeError("half way")')
    with pytest.raises(RuntimeError):
        migration.prepare(filled, backups, scripts=scripts, head=LATER)
    assert revision_of(filled) == schema.HEAD
    assert "colour" not in columns(filled, "conversations")
    again = Store.open(filled, backups)
    assert len(again.search("words")) == 1
    again.close()
    assert len(list(backups.iterdir())) == 1


def test_without_room_for_the_backup_nothing_is_migrated(
    filled: Path, backups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(database: Path, to: Path) -> int:
        raise StoreFull("no room")

    monkeypatch.setattr(backup, "copy", full)
    with pytest.raises(StoreFull):
        migration.prepare(filled, backups, scripts=scripts_with(tmp_path), head=LATER)
    assert revision_of(filled) == schema.HEAD


def test_an_older_program_refuses_newer_data_and_leaves_the_file(
    filled: Path, backups: Path, tmp_path: Path
) -> None:
    migration.prepare(filled, backups, scripts=scripts_with(tmp_path), head=LATER).close()
    before = filled.read_bytes()
    with pytest.raises(StoreTooNew) as refused:
        Store.open(filled, backups)
    assert refused.value.hint
    assert filled.read_bytes() == before
    assert sorted(file.name for file in filled.parent.glob("fireside.db*")) == ["fireside.db"]


def test_opening_what_is_up_to_date_never_imports_alembic(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from fireside.store import Store\n"
        "path = Path(sys.argv[1])\n"
        "for _ in range(2): Store.open(path, path.parent).close()\n"
        "Store.in_memory().close()\n"
        "assert not [name for name in sys.modules if name.startswith(('alembic', 'mako'))]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
