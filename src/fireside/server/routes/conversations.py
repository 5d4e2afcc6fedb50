"""Conversations: create, list, search, show, change, trash, export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from msgspec import UNSET, UnsetType

from fireside.conversations import Conversation, ConversationPage, SearchHit, Tree
from fireside.errors import BadRequest
from fireside.messages import Defaults, Value
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, body, guard_model, shows
from fireside.store.exports import export_all, export_json, export_markdown
from fireside.store.trash import Emptied

router = APIRouter(prefix="/fireside/v1", tags=["conversations"], dependencies=[needs("chat")])


class NewConversation(Value, frozen=True):
    title: str = ""
    defaults: Defaults = Defaults()
    temporary: bool = False


class ConversationChange(Value, frozen=True):
    """Only what is named changes; `head_id: null` is the empty branch."""

    title: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    head_id: str | UnsetType | None = UNSET
    defaults: Defaults | UnsetType = UNSET
    choices: Defaults | UnsetType = UNSET


class Named(msgspec.Struct, frozen=True):
    """Which of the choices a change names: null takes one back, and what isn't named stays."""

    choices: dict[str, Any] = {}


class Hits(msgspec.Struct, frozen=True):
    hits: tuple[SearchHit, ...]


Limit = Annotated[int, Query(ge=1, le=500)]


@router.post("/conversations", **shows(Conversation, 201, takes=NewConversation))
def create(
    app: Fireside, request: Request, wanted: Annotated[NewConversation, body(NewConversation)]
) -> Response:
    """Create a conversation. A temporary one never touches the disk."""
    guard_model(request, wanted.defaults.model)
    created = app.create_conversation(wanted.title, wanted.defaults, temporary=wanted.temporary)
    return answer(created, 201)


@router.get("/conversations", **shows(ConversationPage))
def listing(
    app: Fireside, cursor: str | None = None, limit: Limit = 50, trash: bool = False, query: str | None = None
) -> Response:
    """List conversations, pinned ones first, then the newest; with `query` those in which it was said."""
    if query is not None:
        if trash:
            raise BadRequest("what lies in the trash is not searched", param="trash")
        page = app.store.find_conversations(query, cursor=cursor, limit=limit)
    else:
        page = app.store.conversations(cursor=cursor, limit=limit, trash=trash)
    told = app.told(page.conversations)
    return answer(ConversationPage(told, page.next_cursor))


@router.get("/search", **shows(Hits))
def search(
    app: Fireside, query: str, limit: Limit = 20, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> Response:
    """Find messages by their words, best first."""
    return answer(Hits(app.store.search(query, limit=limit, offset=offset)))


@router.get("/conversations/{conversation_id}", **shows(Tree))
def show(app: Fireside, conversation_id: str) -> Response:
    """Show a conversation: the whole tree of its messages."""
    tree = app.store_of(conversation_id).tree(conversation_id)
    return answer(Tree(app.told([tree.conversation])[0], tree.messages))


@router.patch("/conversations/{conversation_id}", **shows(Conversation, takes=ConversationChange))
def change(
    app: Fireside,
    request: Request,
    conversation_id: str,
    wanted: Annotated[ConversationChange, body(ConversationChange)],
    named: Annotated[Named, body(Named)],
) -> Response:
    """Change title, pin, head or defaults; only what is named changes.

    `defaults` replaces all of them, `choices` those that it names: null takes one back. Two clients that
    change different ones don't undo one another's.
    """
    store = app.store_of(conversation_id)
    for given in (wanted.defaults, wanted.choices):
        if isinstance(given, Defaults):
            guard_model(request, given.model)
            app.resolve(given)
    changed = store.update_conversation(
        conversation_id,
        title=wanted.title,
        pinned=wanted.pinned,
        head_id=wanted.head_id,
        defaults=wanted.defaults,
        choices=named.choices,
    )
    return answer(app.told([changed])[0])


@router.delete("/conversations/{conversation_id}", **shows(None, 204))
async def delete(app: Fireside, conversation_id: str, forever: bool = False) -> Response:
    """Put a conversation into the trash; `forever` deletes one from there for good."""
    await app.delete_conversation(conversation_id, forever=forever)
    return Response(status_code=204)


@router.post("/conversations/{conversation_id}/restore", **shows(Conversation))
def restore(app: Fireside, conversation_id: str) -> Response:
    """Take a conversation out of the trash."""
    return answer(app.store.restore(conversation_id))


@router.delete("/trash", **shows(Emptied))
def empty_trash(app: Fireside) -> Response:
    """Delete for good what lies in the trash: conversations, and messages of those that stay."""
    return answer(app.store.empty_trash())


@router.get("/conversations/{conversation_id}/export", **shows(bytes, media="application/json"))
def export(
    app: Fireside,
    conversation_id: str,
    kind: Annotated[Literal["markdown", "json"], Query(alias="format")] = "json",
) -> Response:
    """Give one conversation as a file, in JSON or Markdown."""
    tree = app.store_of(conversation_id).tree(conversation_id)
    if kind == "markdown":
        return Response(export_markdown(tree), media_type="text/markdown; charset=utf-8")
    return Response(export_json(tree), media_type="application/json")


@router.get("/export", **shows(bytes, media="application/json"))
def export_everything(app: Fireside) -> Response:
    """Give all conversations as one JSON document, streamed."""
    pieces: Iterator[bytes] = export_all(app.store)
    return StreamingResponse(pieces, media_type="application/json")
