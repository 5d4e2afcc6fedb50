"""Replies in the database: queued, journalled while they run, folded into a message when they end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from fireside.conversations import Failure, ReplyStatus, StoredMessage
from fireside.errors import Conflict
from fireside.messages import Defaults, FinishReason, Receipt, Role, Timings, Usage
from fireside.store import conversations as kept
from fireside.store import messages as tree
from fireside.store import receipts, search
from fireside.store.ids import Ids, now_ms
from fireside.store.rows import (
    ids_from_bytes,
    ids_to_bytes,
    or_null,
    parts_of_reply,
    parts_to_json,
    reasoning_of,
    to_json,
    whole_characters,
)
from fireside.store.schema import journal, messages, sampled

_UNFINISHED = messages.c.status.in_([ReplyStatus.QUEUED.value, ReplyStatus.STREAMING.value])
_IDS_AT_ONCE = 500


class NewReply(msgspec.Struct, frozen=True):
    """A reply to be. With `continues` it begins with the words and token ids of another one."""

    defaults: Defaults
    model: str
    continues: str | None = None
    text: str = ""
    reasoning: str = ""
    token_ids: Sequence[int] = ()
    identity: str | None = None


class Ending(msgspec.Struct, frozen=True):
    """How a reply ended, and all that was said in it."""

    status: ReplyStatus
    text: str
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    failure: Failure | None = None
    token_ids: Sequence[int] = ()
    identity: str | None = None


def add(connection: Connection, ids: Ids, parent_id: str, reply: NewReply) -> str:
    """Queue a reply to `parent_id`, move the head to it, and return its id."""
    parent = tree.kept_here(tree.get(connection, parent_id))
    kept.open_for_writing(connection, parent.conversation_id)
    queued = tree.NewMessage(
        ids.new(),
        parent.conversation_id,
        parent_id,
        Role.ASSISTANT,
        parts_of_reply(reply.text, reply.reasoning),
        now_ms(),
        status=ReplyStatus.QUEUED,
        model=reply.model,
        defaults=reply.defaults,
        continues=reply.continues,
    )
    tree.put(connection, [queued])
    _keep_token_ids(connection, queued.id, reply.token_ids, reply.identity)
    kept.spoken(connection, parent.conversation_id, head_id=queued.id, added=1)
    return queued.id


def start(connection: Connection, reply_id: str, *, defaults: Defaults, model: str) -> None:
    """Note what the reply is really generated with; Conflict unless it was waiting."""
    waiting = (messages.c.id == reply_id) & (messages.c.status == ReplyStatus.QUEUED.value)
    started = (
        update(messages)
        .where(waiting)
        .values(status=ReplyStatus.STREAMING.value, defaults=to_json(defaults), model=model)
    )
    if connection.execute(started).rowcount == 0:
        raise _not_running(connection, reply_id)


def write_down(connection: Connection, reply_id: str, *, text: str, reasoning: str) -> None:
    """Append what is new to the journal; Conflict when the reply has ended."""
    running = select(messages.c.id).where(messages.c.id == reply_id, _UNFINISHED)
    if connection.scalar(running) is None:
        raise _not_running(connection, reply_id)
    row = {
        "message_id": reply_id,
        "text": whole_characters(text),
        "reasoning": whole_characters(reasoning),
    }
    connection.execute(insert(journal).values(row))


def _not_running(connection: Connection, reply_id: str) -> Conflict:
    reply = tree.get(connection, reply_id)
    return Conflict(
        f"the reply {reply_id} is {reply.status.value} already", hint="what is complete is never changed"
    )


def set_receipt(connection: Connection, reply_id: str, receipt: Receipt) -> None:
    """MessageNotFound when there is no such reply."""
    tree.get(connection, reply_id)
    packed = receipts.pack(receipt, tree.branch_ids(connection, reply_id))
    connection.execute(
        update(messages).where(messages.c.id == reply_id).values(receipt=packed, digest=receipt.digest)
    )


def receipt(connection: Connection, reply_id: str) -> Receipt | None:
    """None when the model was never asked; MessageNotFound when there is no such reply."""
    tree.get(connection, reply_id)
    query = select(messages.c.receipt, messages.c.digest).where(messages.c.id == reply_id)
    row = connection.execute(query).one()
    if row.receipt is None:
        return None
    return receipts.unpack(row.receipt, row.digest, tree.branch_ids(connection, reply_id))


def finish(connection: Connection, reply_id: str, ending: Ending) -> StoredMessage:
    """Fold the journal into the message, which never changes again; Conflict when it already had ended."""
    running = select(messages.c.number).where(messages.c.id == reply_id, _UNFINISHED)
    number = connection.scalar(running)
    if number is None or not ending.status.ended:
        raise _not_running(connection, reply_id)
    parts = parts_of_reply(ending.text, ending.reasoning)
    values = {
        "parts": parts_to_json(parts),
        "status": ending.status.value,
        "finish_reason": ending.finish_reason,
        "usage": or_null(ending.usage),
        "timings": or_null(ending.timings),
        "failure": or_null(_whole(ending.failure)),
    }
    connection.execute(update(messages).where(messages.c.number == number).values(values))
    connection.execute(delete(journal).where(journal.c.message_id == reply_id))
    _keep_token_ids(connection, reply_id, ending.token_ids, ending.identity)
    search.index_messages(connection, [(number, Role.ASSISTANT, parts)])
    return tree.get(connection, reply_id)


def _whole(failure: Failure | None) -> Failure | None:
    """The last words of a child process are whatever bytes it wrote."""
    if failure is None:
        return None
    hint = None if failure.hint is None else whole_characters(failure.hint)
    return Failure(failure.code, whole_characters(failure.message), hint)


def interrupt_unfinished(connection: Connection) -> int:
    """End every reply that a server left behind, with what was said so far, and return how many."""
    unfinished = connection.scalars(select(messages.c.id).where(_UNFINISHED)).all()
    for reply_id in unfinished:
        reply = tree.get(connection, reply_id)
        ending = Ending(ReplyStatus.INTERRUPTED, reply.text, reasoning_of(reply.parts))
        # Its token ids stand for the beginning only, so they must not be taken for the whole.
        finish(connection, reply_id, ending)
    return len(unfinished)


def _keep_token_ids(
    connection: Connection, reply_id: str, token_ids: Sequence[int], identity: str | None
) -> None:
    connection.execute(delete(sampled).where(sampled.c.message_id == reply_id))
    if token_ids and identity is not None:
        row = {"message_id": reply_id, "identity": identity, "token_ids": ids_to_bytes(token_ids)}
        connection.execute(insert(sampled).values(row))


def token_ids(
    connection: Connection, message_ids: Sequence[str], identity: str
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The sampled ids of those messages that the model `identity` wrote."""
    for some in _in_bunches(message_ids):
        query = select(sampled.c.message_id, sampled.c.token_ids)
        rows = connection.execute(query.where(sampled.c.message_id.in_(some), sampled.c.identity == identity))
        yield from ((row.message_id, ids_from_bytes(row.token_ids)) for row in rows)


def _in_bunches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE))
