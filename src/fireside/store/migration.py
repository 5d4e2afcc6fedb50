"""From the schema that a database has to the one that this program knows.

Alembic takes a moment to import, so it is only asked when there is something to migrate.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from fireside.errors import StoreTooNew
from fireside.store import backup, schema
from fireside.store.database import Database, alone, make_file, revision_of
from fireside.store.faults import damaged

SCRIPTS = Path(__file__).parent / "migrations"


def prepare(path: Path, backups: Path, *, scripts: Path = SCRIPTS, head: str = schema.HEAD) -> Database:
    """Open the database at `path`, made or migrated when it has to be; a migration makes a backup first.

    StoreTooNew when a newer program wrote it, StoreDamaged when it can't be trusted: both leave
    the file as it is.
    """
    make_file(path)
    revision = revision_of(path)
    if revision is None:
        with alone(path) as connection:
            schema.create(connection)
    elif revision != head:
        _check_known(path, revision, scripts)
        backup.copy(path, backup.dated(backups, f"before-{head}"))
        with alone(path) as connection:
            _run(connection, scripts, revision, head)
            _check_references(connection, path)
    return Database(path)


def _check_known(path: Path, revision: str, scripts: Path) -> None:
    from alembic.script import ScriptDirectory

    if revision not in {script.revision for script in ScriptDirectory(str(scripts)).walk_revisions()}:
        raise StoreTooNew(
            f"{path} was written by a newer Fireside (schema {revision})",
            hint="update this program; the file was left as it is",
        )


def _run(connection: Connection, scripts: Path, revision: str, head: str) -> None:
    """Take every step from `revision` to `head`, inside the transaction of `connection`."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(str(scripts))
    context = MigrationContext.configure(connection, opts={"transactional_ddl": True})
    with Operations.context(context):
        for step in reversed(list(directory.iterate_revisions(head, revision))):
            step.module.upgrade()
    context.stamp(directory, head)


def _check_references(connection: Connection, path: Path) -> None:
    """Tables may be rebuilt while they are migrated, so their references are checked at the end."""
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise damaged(path, "a reference leads nowhere after the migration")
