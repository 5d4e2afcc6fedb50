"""A conversation from somewhere else becomes one of ours."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from fireside.errors import BadImport
from fireside.store import search
from fireside.store.conversations import next_activity
from fireside.store.ids import Ids, now_ms
from fireside.store.imported import ImportedConversation
from fireside.store.messages import NewMessage, put
from fireside.store.rows import to_json, whole_characters
from fireside.store.schema import conversations
from fireside.store.titles import one_line, title_of


def adopt(connection: Connection, ids: Ids, imported: ImportedConversation) -> bool:
    """Store `imported` under ids of our own; False when its origin is already here, even in the trash.

    It takes its place in the listing by its own date, not by the day of the import. BadImport
    when a message names a parent that doesn't stand before it.
    """
    if connection.scalar(select(conversations.c.id).where(conversations.c.origin == imported.origin)):
        return False
    new = ids.new()
    connection.execute(insert(conversations).values(_row(connection, new, imported)))
    search.index_title(connection, new)
    ours = _put_messages(connection, ids, new, imported)
    last = next(reversed(ours.values()), None)
    head = last if imported.head_id is None else ours.get(imported.head_id, last)
    connection.execute(update(conversations).where(conversations.c.id == new).values(head_id=head))
    return True


def _row(connection: Connection, new: str, imported: ImportedConversation) -> dict[str, object]:
    first = next((message.message.text for message in imported.messages if message.message.text), "")
    now = now_ms()
    return {
        "id": new,
        "title": one_line(whole_characters(imported.title)) or title_of(whole_characters(first)),
        "created_at": _moment(imported.created_at),
        "updated_at": _moment(imported.updated_at),
        # A date far in the future would drag the place of everything said later along with it.
        "activity": min(_moment(imported.updated_at), next_activity(connection, now)),
        "defaults": to_json(imported.defaults),
        "pinned": imported.pinned,
        "temporary": False,
        "messages_count": len(imported.messages),
        "origin": imported.origin,
    }


def _moment(unix_ms: int) -> int:
    """Times in foreign files can be anything."""
    return min(max(unix_ms, 0), 2**53)


def _put_messages(
    connection: Connection, ids: Ids, conversation_id: str, imported: ImportedConversation
) -> dict[str, str]:
    """Return our id for each id of the source, in their order."""
    ours: dict[str, str] = {}
    rows: list[NewMessage] = []
    for message in imported.messages:
        if message.parent_id is not None and message.parent_id not in ours:
            raise BadImport(
                f"{imported.origin}: the message {message.id} follows one that isn't there",
                hint="the file was changed or cut; export it again",
            )
        parent = None if message.parent_id is None else ours[message.parent_id]
        ours[message.id] = new = ids.new()
        rows.append(
            NewMessage(
                new,
                conversation_id,
                parent,
                message.message.role,
                message.message.parts,
                _moment(message.created_at),
                status=message.status,
                model=message.model,
                defaults=message.defaults,
                continues=ours.get(message.continues or ""),
                finish_reason=message.finish_reason,
                usage=message.usage,
                timings=message.timings,
                failure=message.failure,
                pinned=message.pinned,
            )
        )
    if rows:
        put(connection, rows)
    return ours
