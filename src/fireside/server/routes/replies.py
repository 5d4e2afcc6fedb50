"""Messages and replies: post, regenerate, continue, watch, stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from msgspec import UNSET, UnsetType

from fireside.conversations import Conversation, ReplyRecord, ReplyStatus, StoredMessage
from fireside.errors import BadRequest, MessageNotFound
from fireside.events import Cursor, Event, to_sse
from fireside.messages import Defaults, FilePart, ImagePart, Message, Receipt, Role, TextPart, Value
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, body, guard_model, shows

router = APIRouter(prefix="/fireside/v1", tags=["replies"], dependencies=[needs("chat")])


class Answering(Defaults, frozen=True):
    """How to answer this once; what is left out comes from the conversation's defaults."""

    def defaults(self) -> Defaults:
        return Defaults(**{name: getattr(self, name) for name in Defaults.__struct_fields__})


class NewMessage(Answering, frozen=True):
    """A person's message: `text`, or `parts` with files and pictures."""

    text: str | None = None
    parts: tuple[TextPart | FilePart | ImagePart, ...] = ()
    parent_id: str | UnsetType | None = UNSET

    def message(self) -> Message:
        if self.text is not None and self.parts:
            raise BadRequest("send text or parts, not both", param="parts")
        return Message(Role.USER, (TextPart(self.text),) if self.text is not None else self.parts)


class MessageChange(Value, frozen=True):
    """Only what is named changes."""

    pinned: bool | UnsetType = UNSET


class NewText(Value, frozen=True):
    text: str


class Undone(Value, frozen=True):
    """`head_id` is the message that was shown before; without one the newest of what comes back is."""

    head_id: str | None = None


class Posted(msgspec.Struct, frozen=True):
    message: StoredMessage
    reply: StoredMessage


class Replied(msgspec.Struct, frozen=True):
    reply: StoredMessage


@router.post("/conversations/{conversation_id}/messages", **shows(Posted, 201, takes=NewMessage))
async def post(
    app: Fireside,
    request: Request,
    conversation_id: str,
    wanted: Annotated[NewMessage, body(NewMessage)],
) -> Response:
    """Post a message and start the reply to it; both are on disk before the answer."""
    guard_model(request, wanted.model)
    message, reply = await app.post(conversation_id, wanted.message(), wanted.defaults(), wanted.parent_id)
    return answer(Posted(message, reply), 201)


@router.post("/messages/{message_id}/regenerate", **shows(Replied, 201, takes=Answering))
async def regenerate(
    app: Fireside, request: Request, message_id: str, wanted: Annotated[Answering, body(Answering)]
) -> Response:
    """Start one more reply, beside the one that is named."""
    guard_model(request, wanted.model)
    return answer(Replied(await app.regenerate(message_id, wanted.defaults())), 201)


@router.post("/messages/{message_id}/continue", **shows(Replied, 201, takes=Answering))
async def go_on(
    app: Fireside, request: Request, message_id: str, wanted: Annotated[Answering, body(Answering)]
) -> Response:
    """Start a reply that begins with what the named one said, and goes on."""
    guard_model(request, wanted.model)
    return answer(Replied(await app.continue_reply(message_id, wanted.defaults())), 201)


@router.get("/messages/{message_id}", **shows(StoredMessage))
def show(app: Fireside, message_id: str) -> Response:
    """Show one message."""
    return answer(app.store_of_message(message_id).message(message_id))


@router.patch("/messages/{message_id}", **shows(StoredMessage, takes=MessageChange))
def change(app: Fireside, message_id: str, wanted: Annotated[MessageChange, body(MessageChange)]) -> Response:
    """Pin a message, so that it is always given to the model word for word, or unpin it."""
    store = app.store_of_message(message_id)
    if isinstance(wanted.pinned, bool):
        return answer(store.pin_message(message_id, pinned=wanted.pinned))
    return answer(store.message(message_id))


@router.delete("/messages/{message_id}", **shows(Conversation))
async def delete(app: Fireside, message_id: str) -> Response:
    """Put a message and everything after it into the trash; a reply that runs there is stopped."""
    return answer(app.told([await app.trash_message(message_id)])[0])


@router.post("/messages/{message_id}/restore", **shows(Conversation, takes=Undone))
def restore(app: Fireside, message_id: str, wanted: Annotated[Undone, body(Undone)]) -> Response:
    """Take out of the trash what went there with this message, and nothing else."""
    store = app.store_of_message(message_id)
    return answer(app.told([store.restore_message(message_id, head_id=wanted.head_id)])[0])


@router.post("/messages/{message_id}/edit", **shows(StoredMessage, 201, takes=NewText))
async def edit(app: Fireside, message_id: str, wanted: Annotated[NewText, body(NewText)]) -> Response:
    """Put a person's version beside a reply; it becomes the head, and no model is asked."""
    return answer(await app.edit_reply(message_id, wanted.text), 201)


@router.get("/messages/{message_id}/receipt", **shows(Receipt))
def receipt(app: Fireside, message_id: str) -> Response:
    """Show what the model was given for a reply."""
    store = app.store_of_message(message_id)
    store.message(message_id)
    found = store.receipt(message_id)
    if found is None:
        raise MessageNotFound("this message has no receipt", hint="replies have one, once they began")
    return answer(found)


@router.get("/messages/{message_id}/record", **shows(ReplyRecord))
def record(app: Fireside, message_id: str) -> Response:
    """Show an ended reply in the shape of `fireside ask --json`."""
    store = app.store_of_message(message_id)
    reply = store.message(message_id)
    return answer(
        ReplyRecord(
            conversation_id=reply.conversation_id,
            message_id=reply.id,
            model=reply.model,
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=reply.usage,
            timings=reply.timings,
            receipt=store.receipt(reply.id),
            status=reply.status,
            failure=reply.failure,
        )
    )


@router.get("/replies/{reply_id}/events", **shows(Event, media="text/event-stream"))
async def events(
    app: Fireside,
    reply_id: str,
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Watch a reply as server-sent events; `after` or `Last-Event-ID` resumes behind that event."""
    cursor = _cursor(last_event_id or after)
    store = app.store_of_message(reply_id)
    reply = await asyncio.to_thread(store.message, reply_id)
    if reply.role is not Role.ASSISTANT:
        raise MessageNotFound(f"{reply_id} is not a reply", hint="watch the reply to that message")

    async def stream() -> AsyncIterator[bytes]:
        async for event, at in app.replies.watch(reply, store, cursor):
            yield to_sse(event, at) if event else b": still here\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@router.post("/replies/{reply_id}/stop", **shows(Replied))
async def stop(app: Fireside, reply_id: str) -> Response:
    """Stop a reply and keep what it said; harmless on an ended one."""
    await app.replies.stop(reply_id, ReplyStatus.STOPPED)
    stopped = await asyncio.to_thread(app.store_of_message(reply_id).message, reply_id)
    return answer(Replied(stopped))


def _cursor(text: str | None) -> Cursor:
    if not text:
        return Cursor()
    try:
        return Cursor.parse(text)
    except ValueError as error:
        raise BadRequest(
            f"{text!r} is no event id", hint="send the id of the last event that you saw", param="after"
        ) from error
