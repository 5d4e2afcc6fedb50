"""Messages in the database: added to the tree, read as branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import CTE, Connection, Select, insert, literal, select, text, update

from fireside.conversations import Conversation, Failure, ReplyStatus, StoredMessage
from fireside.errors import Conflict, MessageNotFound
from fireside.messages import Defaults, FilePart, FinishReason, ImagePart, Message, Part, Role, Timings, Usage
from fireside.store import conversations as kept
from fireside.store import search
from fireside.store.ids import Ids, now_ms
from fireside.store.rows import (
    MESSAGE,
    message_of,
    or_null,
    parts_of_reply,
    parts_to_json,
    reasoning_of,
    whole_characters,
)
from fireside.store.schema import journal, messages
from fireside.store.titles import title_of


class NewMessage(msgspec.Struct, frozen=True):
    """A row to be: what differs between something said, a reply to be and an imported message."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    parts: tuple[Part, ...]
    created_at: int
    status: ReplyStatus = ReplyStatus.COMPLETE
    model: str | None = None
    defaults: Defaults | None = None
    continues: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    failure: Failure | None = None
    pinned: bool = False


def add(
    connection: Connection, ids: Ids, conversation_id: str, message: Message, *, parent_id: str | None
) -> str:
    """Add something said and return its id; the first thing a person says gives the title."""
    conversation = kept.open_for_writing(connection, conversation_id)
    if parent_id is not None:
        kept.check_membership(connection, conversation_id, parent_id, param="parent_id")
    new = NewMessage(ids.new(), conversation_id, parent_id, message.role, message.parts, now_ms())
    put(connection, [new])
    kept.spoken(connection, conversation_id, head_id=new.id, added=1)
    _give_title(connection, conversation, message)
    return new.id


def put(connection: Connection, new: Sequence[NewMessage]) -> None:
    """Write rows, parents before children; complete ones can be searched from now on."""
    used = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'messages'")) or 0
    numbered = list(enumerate(new, used + 1))
    connection.execute(insert(messages), [_row(number, message) for number, message in numbered])
    complete = [(number, message.role, message.parts) for number, message in numbered if message.status.ended]
    search.index_messages(connection, complete)


def _row(number: int, new: NewMessage) -> dict[str, object]:
    return {
        "number": number,
        "id": new.id,
        "conversation_id": new.conversation_id,
        "parent_id": new.parent_id,
        "role": new.role.value,
        "parts": parts_to_json(new.parts),
        "status": new.status.value,
        "created_at": new.created_at,
        "model": new.model,
        "defaults": or_null(new.defaults),
        "continues": new.continues,
        "finish_reason": new.finish_reason,
        "usage": or_null(new.usage),
        "timings": or_null(new.timings),
        "failure": or_null(new.failure),
        "pinned": new.pinned,
    }


def _give_title(connection: Connection, conversation: Conversation, message: Message) -> None:
    if conversation.title or message.role is not Role.USER:
        return
    named = title_of(message.text) or title_of(
        " ".join(part.name for part in message.parts if isinstance(part, FilePart | ImagePart))
    )
    if named:
        kept.rename(connection, conversation.id, whole_characters(named))


def get(connection: Connection, message_id: str) -> StoredMessage:
    """MessageNotFound when there is none."""
    found = _read(connection, select(*MESSAGE).where(messages.c.id == message_id))
    if not found:
        raise MessageNotFound(f"there is no message {message_id}", hint="it may have been deleted")
    return found[0]


def several(connection: Connection, message_ids: Sequence[str]) -> tuple[StoredMessage, ...]:
    """Those of the messages that are there."""
    return _read(connection, select(*MESSAGE).where(messages.c.id.in_(message_ids)))


def exists(connection: Connection, message_id: str) -> bool:
    return connection.scalar(select(messages.c.number).where(messages.c.id == message_id)) is not None


def of_conversation(connection: Connection, conversation_id: str) -> tuple[StoredMessage, ...]:
    """Every message of the tree, oldest first; what lies in the trash is left out."""
    query = select(*MESSAGE).where(
        messages.c.conversation_id == conversation_id, messages.c.deleted_at.is_(None)
    )
    return _read(connection, query.order_by(messages.c.id))


def branch(connection: Connection, message_id: str) -> tuple[StoredMessage, ...]:
    """The path from the root to `message_id`; MessageNotFound when there is none."""
    path = _path(message_id)
    query = select(*MESSAGE).join(path, path.c.id == messages.c.id).order_by(path.c.steps.desc())
    found = _read(connection, query)
    return found or (get(connection, message_id),)


def branch_ids(connection: Connection, message_id: str) -> tuple[str, ...]:
    path = _path(message_id)
    return tuple(connection.scalars(select(path.c.id).order_by(path.c.steps.desc())))


def _path(message_id: str) -> CTE:
    first = select(messages.c.id, messages.c.parent_id, literal(0).label("steps"))
    path = first.where(messages.c.id == message_id).cte("path", recursive=True)
    above = select(messages.c.id, messages.c.parent_id, path.c.steps + 1)
    return path.union_all(above.join(path, messages.c.id == path.c.parent_id))


def siblings(connection: Connection, message_id: str) -> tuple[StoredMessage, ...]:
    """The messages with the same parent, this one included, oldest first."""
    own = get(connection, message_id)
    same = messages.c.parent_id == own.parent_id
    if own.parent_id is None:
        same = messages.c.parent_id.is_(None) & (messages.c.conversation_id == own.conversation_id)
    same &= messages.c.deleted_at.is_(None)
    return _read(connection, select(*MESSAGE).where(same).order_by(messages.c.id))


def set_pinned(connection: Connection, message_id: str, *, pinned: bool) -> StoredMessage:
    """Note whether a message is always given to the model word for word. Conflict in the trash."""
    message = kept_here(get(connection, message_id))
    kept.open_for_writing(connection, message.conversation_id)
    connection.execute(update(messages).where(messages.c.id == message_id).values(pinned=pinned))
    return get(connection, message_id)


def kept_here(message: StoredMessage) -> StoredMessage:
    """Return the message; Conflict when it lies in the trash."""
    if message.deleted_at is not None:
        raise Conflict("the message lies in the trash", hint="restore it first")
    return message


def _read(connection: Connection, query: Select[Any]) -> tuple[StoredMessage, ...]:
    found = tuple(message_of(row) for row in connection.execute(query))
    if all(message.status.ended for message in found):
        return found
    return tuple(message if message.status.ended else _so_far(connection, message) for message in found)


def _so_far(connection: Connection, reply: StoredMessage) -> StoredMessage:
    """A running reply as it stands in the journal."""
    query = select(journal.c.text, journal.c.reasoning).where(journal.c.message_id == reply.id)
    pieces = connection.execute(query.order_by(journal.c.number)).all()
    if not pieces:
        return reply
    said = reply.text + "".join(piece.text for piece in pieces)
    reasoning = reasoning_of(reply.parts) + "".join(piece.reasoning for piece in pieces)
    return msgspec.structs.replace(reply, parts=parts_of_reply(said, reasoning))
