"""Keys and the sessions that were begun with them, as rows: of secrets only hashes come here."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, delete, select, update

from fireside.cards import Key, Scope, Session
from fireside.store import schema
from fireside.store.database import Database

Hash = bytes


class StoredKey(msgspec.Struct, frozen=True):
    card: Key
    hash: Hash


class StoredSession(msgspec.Struct, frozen=True):
    card: Session
    hash: Hash


class KeyRows:
    """The tables `keys` and `sessions` of a store; errors are the store's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all_keys(self) -> tuple[StoredKey, ...]:
        """Every key, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.keys).order_by(schema.keys.c.id))
            return tuple(_key(row) for row in rows)

    def all_sessions(self) -> tuple[StoredSession, ...]:
        """Every session, expired or not, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.sessions).order_by(schema.sessions.c.id))
            return tuple(_session(row) for row in rows)

    def add_key(self, key: StoredKey) -> None:
        values = msgspec.structs.asdict(key.card) | {"hash": key.hash, "scopes": " ".join(key.card.scopes)}
        with self._database.writing() as connection:
            connection.execute(schema.keys.insert().values(values))

    def remove_key(self, key_id: str) -> None:
        """Remove a key, and with it every session that was begun with it."""
        with self._database.writing() as connection:
            connection.execute(delete(schema.sessions).where(schema.sessions.c.key_id == key_id))
            connection.execute(delete(schema.keys).where(schema.keys.c.id == key_id))

    def add_session(self, session: StoredSession) -> None:
        values = msgspec.structs.asdict(session.card) | {"hash": session.hash}
        del values["current"]
        with self._database.writing() as connection:
            connection.execute(schema.sessions.insert().values(values))

    def remove_sessions(self, session_ids: tuple[str, ...]) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(schema.sessions).where(schema.sessions.c.id.in_(session_ids)))

    def note_use(self, key_id: str, session_id: str | None, at_ms: int) -> None:
        """Write down when a key, and the session that stands for it, was last used."""
        with self._database.writing() as connection:
            used = update(schema.keys).where(schema.keys.c.id == key_id)
            connection.execute(used.values(last_used_at=at_ms))
            if session_id is not None:
                there = update(schema.sessions).where(schema.sessions.c.id == session_id)
                connection.execute(there.values(last_used_at=at_ms))


def _key(row: Row[Any]) -> StoredKey:
    scopes = msgspec.convert(row.scopes.split(), tuple[Scope, ...])
    return StoredKey(Key(row.id, row.name, scopes, row.created_at, row.last_used_at), row.hash)


def _session(row: Row[Any]) -> StoredSession:
    times = (row.created_at, row.expires_at, row.last_used_at)
    return StoredSession(Session(row.id, row.key_id, row.device, *times), row.hash)
