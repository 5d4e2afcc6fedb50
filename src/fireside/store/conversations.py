"""Conversations in the database: made, listed, changed, put into the trash and deleted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, tuple_, update

from fireside.conversations import Conversation, ConversationPage
from fireside.errors import BadRequest, Conflict, ConversationNotFound, MessageNotFound
from fireside.messages import Defaults
from fireside.store import search
from fireside.store.ids import Ids, now_ms
from fireside.store.rows import CONVERSATION, conversation_of, to_json, whole_characters
from fireside.store.schema import (
    KEPT,
    TRASHED,
    conversations,
    digests,
    journal,
    messages,
    recalls,
    sampled,
)
from fireside.store.titles import one_line

_LARGEST_PAGE = 500
_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class StoreCounts(msgspec.Struct, frozen=True):
    """How much there is: conversations that are kept, their messages, and conversations in the trash."""

    conversations: int
    trash: int
    messages: int


class Changes(msgspec.Struct, frozen=True):
    """What to change of a conversation; UNSET leaves it as it is."""

    title: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    head_id: str | UnsetType | None = UNSET
    defaults: Defaults | UnsetType = UNSET
    choices: Mapping[str, Any] | None = None
    """of the defaults only what it names; None takes a value away"""


def create(connection: Connection, ids: Ids, *, title: str, defaults: Defaults, temporary: bool) -> str:
    """Return the new conversation's id."""
    now, new = now_ms(), ids.new()
    row = {
        "id": new,
        "title": one_line(whole_characters(title)),
        "created_at": now,
        "updated_at": now,
        "activity": next_activity(connection, now),
        "defaults": to_json(defaults),
        "pinned": False,
        "temporary": temporary,
        "messages_count": 0,
    }
    connection.execute(insert(conversations).values(row))
    search.index_title(connection, new)
    return new


def next_activity(connection: Connection, now: int) -> int:
    """Return `now`, or a little more where the clock stood still or jumped back."""
    last = connection.scalar(select(func.max(conversations.c.activity)))
    return max(now, (last or 0) + 1)


def get(connection: Connection, conversation_id: str) -> Conversation:
    """ConversationNotFound when there is none."""
    found = connection.execute(select(*CONVERSATION).where(conversations.c.id == conversation_id)).first()
    if found is None:
        raise ConversationNotFound(
            f"there is no conversation {conversation_id}", hint="`fireside chats` lists them"
        )
    return conversation_of(found)


def open_for_writing(connection: Connection, conversation_id: str) -> Conversation:
    """Return the conversation; Conflict when it lies in the trash."""
    conversation = get(connection, conversation_id)
    if conversation.deleted_at is not None:
        raise Conflict("the conversation lies in the trash", hint="restore it first")
    return conversation


def page(connection: Connection, *, cursor: str | None, limit: int, trash: bool) -> ConversationPage:
    """Pinned ones first, then by the last thing said."""
    place = (conversations.c.pinned, conversations.c.activity, conversations.c.number)
    query = select(*CONVERSATION).where(TRASHED if trash else KEPT)
    if cursor is not None:
        query = query.where(tuple_(*place) < _read_cursor(cursor, tuple[bool, _Number, _Number]))
    limit = _page_size(limit)
    query = query.order_by(*(column.desc() for column in place)).limit(limit + 1)
    rows = connection.execute(query.add_columns(*place[1:])).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return ConversationPage(
        tuple(conversation_of(row) for row in rows[:limit]),
        None if last is None else _write_cursor((last.pinned, last.activity, last.number)),
    )


def found(connection: Connection, query: str, *, cursor: str | None, limit: int) -> ConversationPage:
    """The conversations in which the words were said, best first."""
    offset = _read_cursor(cursor, _Number) if cursor is not None else 0
    limit = _page_size(limit)
    best = search.conversations_with(connection, query)
    wanted = best[offset : offset + limit]
    rows = connection.execute(select(*CONVERSATION).where(conversations.c.id.in_(wanted)))
    by_id = {row.id: conversation_of(row) for row in rows}
    more = len(best) > offset + limit
    return ConversationPage(
        tuple(by_id[id_] for id_ in wanted), _write_cursor(offset + limit) if more else None
    )


def _page_size(limit: int) -> int:
    return max(1, min(limit, _LARGEST_PAGE))


def _write_cursor(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _read_cursor(cursor: str, kind: Any) -> Any:
    """BadRequest for a cursor that isn't one of ours."""
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise BadRequest(
            "the cursor is not one of this listing", hint="begin without a cursor", param="cursor"
        ) from error
    return place


def change(connection: Connection, conversation_id: str, changes: Changes) -> Conversation:
    """MessageNotFound when the new head is not of this conversation."""
    conversation = get(connection, conversation_id)
    values: dict[str, object] = {}
    if changes.pinned is not UNSET:
        values["pinned"] = changes.pinned
    if changes.defaults is not UNSET or changes.choices:
        defaults = conversation.defaults if changes.defaults is UNSET else changes.defaults
        values["defaults"] = to_json(defaults.changed(changes.choices or {}))
    if changes.head_id is not UNSET:
        if changes.head_id is not None:
            check_membership(connection, conversation_id, changes.head_id, param="head_id")
        values["head_id"] = changes.head_id
    if values:
        _set(connection, conversation_id, **values)
    if isinstance(changes.title, str):
        rename(connection, conversation_id, changes.title)
    return get(connection, conversation_id)


def rename(connection: Connection, conversation_id: str, title: str) -> None:
    search.forget_title(connection, conversation_id)
    _set(connection, conversation_id, title=one_line(whole_characters(title)))
    search.index_title(connection, conversation_id)


def check_membership(connection: Connection, conversation_id: str, message_id: str, *, param: str) -> None:
    """MessageNotFound unless the message is one of this conversation."""
    here = (messages.c.id == message_id) & messages.c.deleted_at.is_(None)
    owner = connection.scalar(select(messages.c.conversation_id).where(here))
    if owner != conversation_id:
        raise MessageNotFound(
            f"there is no message {message_id} in this conversation",
            hint="name a message of the conversation itself",
            param=param,
        )


def spoken(connection: Connection, conversation_id: str, *, head_id: str, added: int) -> None:
    """Note that something was said: the head moves, and the conversation comes first in the listing."""
    now = now_ms()
    _set(
        connection,
        conversation_id,
        head_id=head_id,
        updated_at=now,
        activity=next_activity(connection, now),
        messages_count=conversations.c.messages_count + added,
    )


def set_head(connection: Connection, conversation_id: str, head_id: str | None, *, added: int) -> None:
    """Move the head, and count what was taken out of the trash (or, below zero, went into it)."""
    count = conversations.c.messages_count + added
    _set(connection, conversation_id, head_id=head_id, messages_count=count)


def set_deleted(connection: Connection, conversation_id: str, *, deleted: bool) -> Conversation:
    """Put a conversation into the trash or take it out; doing so twice changes nothing."""
    conversation = get(connection, conversation_id)
    if deleted != (conversation.deleted_at is not None):
        _set(connection, conversation_id, deleted_at=now_ms() if deleted else None)
    return get(connection, conversation_id)


def _set(connection: Connection, conversation_id: str, **values: object) -> None:
    connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(**values))


def delete_forever(connection: Connection, conversation_id: str) -> None:
    """Delete a conversation, everything said in it, and the words of it in the search index."""
    get(connection, conversation_id)
    search.forget_title(connection, conversation_id)
    delete_messages(connection, messages.c.conversation_id == conversation_id)
    connection.execute(delete(conversations).where(conversations.c.id == conversation_id))


def delete_messages(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete messages, what was made of them, and their words in the search index; return how many."""
    search.forget(connection, which)
    own = select(messages.c.id).where(which)
    for table in (journal, sampled, digests, recalls):
        connection.execute(delete(table).where(table.c.message_id.in_(own)))
    return connection.execute(delete(messages).where(which)).rowcount


def delete_temporary(connection: Connection) -> None:
    """Delete what a server that died could not."""
    for id_ in connection.scalars(select(conversations.c.id).where(conversations.c.temporary)).all():
        delete_forever(connection, id_)


def counts(connection: Connection) -> StoreCounts:
    kept, said = connection.execute(
        select(func.count(), func.coalesce(func.sum(conversations.c.messages_count), 0)).where(KEPT)
    ).one()
    trash = connection.scalar(select(func.count()).select_from(conversations).where(TRASHED))
    return StoreCounts(conversations=kept, trash=trash or 0, messages=said)


def ids_after(connection: Connection, last: str, limit: int) -> Sequence[str]:
    """Return the next ids of kept conversations, oldest first."""
    query = select(conversations.c.id).where(KEPT, conversations.c.id > last)
    return connection.scalars(query.order_by(conversations.c.id).limit(limit)).all()
