"""Messages in the trash, and the emptying of it.

A message goes there with everything that was said after it. What goes at once bears the same moment
in `deleted_at`, and no other has that: so taking it out undoes exactly this, and leaves what went before.
Its words stay in the search index and are left out when it is asked, as those of conversations are.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import CTE, Connection, delete, func, select, update

from fireside.conversations import Conversation
from fireside.errors import Conflict
from fireside.store import conversations as kept
from fireside.store import messages as tree
from fireside.store import search
from fireside.store.ids import now_ms
from fireside.store.schema import TRASHED, conversations, journal, messages, sampled

_HERE = messages.c.deleted_at.is_(None)


class Trashed(msgspec.Struct, frozen=True):
    """The conversation afterwards, and the ids of the messages that went."""

    conversation: Conversation
    message_ids: tuple[str, ...] = ()


class Emptied(msgspec.Struct, frozen=True):
    """What was deleted for good: conversations, and single messages of those that stay."""

    conversations: int
    messages: int


def put(connection: Connection, message_id: str) -> Trashed:
    """Put a message and all after it into the trash; the head moves away. Doing so twice changes nothing.

    MessageNotFound when there is none, Conflict when its conversation lies there already.
    """
    message = tree.get(connection, message_id)
    conversation = kept.open_for_writing(connection, message.conversation_id)
    if message.deleted_at is not None:
        return Trashed(conversation)
    below = _below(message_id)
    going = messages.c.id.in_(select(below.c.id)) & _HERE
    ids = tuple(connection.scalars(select(messages.c.id).where(going).order_by(messages.c.id)))
    moment = _moment(connection, conversation.id)
    connection.execute(update(messages).where(going).values(deleted_at=moment))
    head = conversation.head_id
    if head in ids:
        head = newest(connection, conversation.id, message.parent_id)
    kept.set_head(connection, conversation.id, head, added=-len(ids))
    return Trashed(kept.get(connection, conversation.id), ids)


def take_out(connection: Connection, message_id: str, head_id: str | None) -> Conversation:
    """Take out what went with a message, and move the head to `head_id` or to the newest of that.

    Conflict when something before it lies in the trash, too; MessageNotFound for a head of elsewhere.
    """
    message = tree.get(connection, message_id)
    conversation = kept.open_for_writing(connection, message.conversation_id)
    if message.deleted_at is None:
        return conversation
    if message.parent_id is not None and tree.get(connection, message.parent_id).deleted_at is not None:
        raise Conflict("what it answers lies in the trash, too", hint="restore the message before it")
    below = _below(message_id)
    coming = messages.c.id.in_(select(below.c.id)) & (messages.c.deleted_at == message.deleted_at)
    ids = tuple(connection.scalars(select(messages.c.id).where(coming)))
    connection.execute(update(messages).where(coming).values(deleted_at=None))
    if head_id is not None:
        kept.check_membership(connection, conversation.id, head_id, param="head_id")
    head = head_id or newest(connection, conversation.id, message_id)
    kept.set_head(connection, conversation.id, head, added=len(ids))
    return kept.get(connection, conversation.id)


def newest(connection: Connection, conversation_id: str, above: str | None) -> str | None:
    """Return the newest message at or below `above`, or of the whole conversation: the end of a branch.

    Ids grow with time, and what answers a message came after it.
    """
    query = select(func.max(messages.c.id)).where(messages.c.conversation_id == conversation_id, _HERE)
    if above is not None:
        below = _below(above)
        query = query.where(messages.c.id.in_(select(below.c.id)))
    found: str | None = connection.scalar(query)
    return found


def empty(connection: Connection) -> Emptied:
    """Delete for good what lies in the trash: conversations, and messages of those that stay."""
    trashed = connection.scalars(select(conversations.c.id).where(TRASHED)).all()
    for conversation_id in trashed:
        kept.delete_forever(connection, conversation_id)
    gone = messages.c.deleted_at.is_not(None)
    ids = select(messages.c.id).where(gone)
    search.forget(connection, gone)
    connection.execute(delete(journal).where(journal.c.message_id.in_(ids)))
    connection.execute(delete(sampled).where(sampled.c.message_id.in_(ids)))
    deleted = connection.execute(delete(messages).where(gone))
    return Emptied(conversations=len(trashed), messages=deleted.rowcount)


def _moment(connection: Connection, conversation_id: str) -> int:
    """Return now, or a little later where the clock stood still: no two moments are the same."""
    query = select(func.max(messages.c.deleted_at)).where(messages.c.conversation_id == conversation_id)
    return max(now_ms(), (connection.scalar(query) or 0) + 1)


def _below(message_id: str) -> CTE:
    """The ids of a message and of everything that was said after it."""
    first = select(messages.c.id).where(messages.c.id == message_id).cte("below", recursive=True)
    return first.union_all(select(messages.c.id).join(first, messages.c.parent_id == first.c.id))
