"""Digests, recalls and memories as rows, and the switch that turns memories on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from fireside.errors import MemoryNotFound
from fireside.memories import Ability, Digest, Memory, Quote, Recall, RememberedText
from fireside.store import schema
from fireside.store.database import Database
from fireside.store.ids import Ids, now_ms
from fireside.store.rows import to_json, whole_characters

_IDS = msgspec.json.Decoder(tuple[str, ...])
_QUOTES = msgspec.json.Decoder(tuple[Quote, ...])
_TEXTS = msgspec.json.Decoder(tuple[RememberedText, ...])
_AT_ONCE = 500
_MEMORIES = "memories"


class MemoryRows:
    """The tables of memory in one store; errors are the store's."""

    def __init__(self, database: Database, ids: Ids) -> None:
        self._database = database
        self._ids = ids

    # Digests and recalls

    def add_digest(self, digest: Digest) -> None:
        """Keep a digest; of several for one message the last one counts."""
        row = msgspec.structs.asdict(digest) | {
            "text": whole_characters(digest.text),
            "kept": to_json(digest.kept),
        }
        with self._database.writing() as connection:
            connection.execute(insert(schema.digests).values(row))

    def digests(self, message_ids: Sequence[str]) -> tuple[Digest, ...]:
        """Every digest that stands for a branch up to one of these messages, the oldest first."""
        found: list[Row[Any]] = []
        table = schema.digests
        with self._database.reading() as connection:
            for some in _in_bunches(message_ids):
                found += connection.execute(select(table).where(table.c.message_id.in_(some))).all()
        return tuple(_digest(row) for row in sorted(found, key=lambda row: int(row.number)))

    def set_recall(self, recall: Recall) -> None:
        """Keep what goes before a question, in place of what went before it until now."""
        row = {
            "message_id": recall.message_id,
            "digest_of": recall.digest_of,
            "quotes": to_json(recall.quotes),
            "memories": to_json(recall.memories),
        }
        with self._database.writing() as connection:
            connection.execute(insert_or(schema.recalls).prefix_with("OR REPLACE").values(row))

    def recalls(self, message_ids: Sequence[str]) -> dict[str, Recall]:
        """What goes before each of these messages; those before which nothing goes are left out."""
        table = schema.recalls
        found: dict[str, Recall] = {}
        with self._database.reading() as connection:
            for some in _in_bunches(message_ids):
                for row in connection.execute(select(table).where(table.c.message_id.in_(some))):
                    found[row.message_id] = _recall(row)
        return found

    # Memories

    def all(self) -> tuple[Memory, ...]:
        """Every memory, the oldest first."""
        table = schema.memories
        with self._database.reading() as connection:
            return tuple(_memory(row) for row in connection.execute(select(table).order_by(table.c.id)))

    def given(self, default: bool) -> tuple[Memory, ...]:
        """The memories that conversations may be given; `default` says whether any, until it is switched."""
        switched = self.switched()
        return self.all() if (default if switched is None else switched) else ()

    def add(self, text: str) -> Memory:
        now = now_ms()
        memory = Memory(self._ids.new(), whole_characters(text), now, now)
        with self._database.writing() as connection:
            connection.execute(insert(schema.memories).values(msgspec.structs.asdict(memory)))
        return memory

    def edit(self, memory_id: str, text: str) -> Memory:
        """Change a memory; its old text stays nowhere. MemoryNotFound when there is none."""
        table = schema.memories
        with self._database.writing() as connection:
            _unquote(connection, memory_id)
            changed = {"text": whole_characters(text), "updated_at": now_ms()}
            connection.execute(update(table).where(table.c.id == memory_id).values(changed))
            row = connection.execute(select(table).where(table.c.id == memory_id)).first()
        if row is None:
            raise _no_memory(memory_id)
        self._database.empty_log()
        return _memory(row)

    def remove(self, memory_id: str) -> None:
        """Forget a memory, wherever it went before a question too. MemoryNotFound when there is none."""
        table = schema.memories
        with self._database.writing() as connection:
            _unquote(connection, memory_id)
            gone = connection.execute(delete(table).where(table.c.id == memory_id)).rowcount
        if not gone:
            raise _no_memory(memory_id)
        self._database.empty_log()

    def given_to(self, memory_id: str) -> tuple[str, ...]:
        """The ids of the conversations that were given a memory."""
        said, table = schema.messages, schema.recalls
        query = select(said.c.conversation_id).join(table, table.c.message_id == said.c.id)
        query = query.where(table.c.memories.contains(memory_id, autoescape=True)).distinct()
        with self._database.reading() as connection:
            return tuple(connection.scalars(query))

    def switched(self) -> bool | None:
        """Whether memories were switched on or off; None while nobody has said."""
        table = schema.switches
        with self._database.reading() as connection:
            return connection.scalar(select(table.c.is_on).where(table.c.name == _MEMORIES))

    def switch(self, *, is_on: bool) -> None:
        row = {"name": _MEMORIES, "is_on": is_on}
        with self._database.writing() as connection:
            connection.execute(insert_or(schema.switches).prefix_with("OR REPLACE").values(row))

    # What models can do

    def ability(self, identity: str) -> Ability | None:
        """How well a model writes a digest; None when it wasn't measured yet."""
        table = schema.abilities
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.identity == identity)).first()
        return None if row is None else Ability(row.facts_kept, row.length)

    def set_ability(self, identity: str, ability: Ability) -> None:
        row = {"identity": identity, "facts_kept": ability.facts_kept, "length": ability.length}
        with self._database.writing() as connection:
            connection.execute(insert_or(schema.abilities).prefix_with("OR REPLACE").values(row))


def _unquote(connection: Connection, memory_id: str) -> None:
    """Take a memory out of what goes before questions: a copy would outlive it."""
    table = schema.recalls
    having = select(table).where(table.c.memories.contains(memory_id, autoescape=True))
    for row in connection.execute(having).all():
        kept = tuple(one for one in _recall(row).memories if one.id != memory_id)
        changed = update(table).where(table.c.message_id == row.message_id)
        connection.execute(changed.values(memories=to_json(kept)))


def _no_memory(memory_id: str) -> MemoryNotFound:
    return MemoryNotFound(f"there is no memory {memory_id}", hint="`fireside memories` lists them")


def _digest(row: Row[Any]) -> Digest:
    kept = _IDS.decode(row.kept)
    return Digest(row.message_id, row.text, row.kind, row.context_length, kept, row.left_out)


def _recall(row: Row[Any]) -> Recall:
    return Recall(row.message_id, row.digest_of, _QUOTES.decode(row.quotes), _TEXTS.decode(row.memories))


def _memory(row: Row[Any]) -> Memory:
    return Memory(row.id, row.text, row.created_at, row.updated_at)


def _in_bunches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
