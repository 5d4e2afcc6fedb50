"""What is being typed and not sent yet: an engine here may read it meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import Meta

from fireside.app import App
from fireside.errors import FiresideError
from fireside.messages import Role, Value, said
from fireside.reading_along import Unsent
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/fireside/v1", tags=["replies"], dependencies=[needs("chat")])
LONGEST = 32_000
"""characters; who pastes more waits for it to be read"""


class TypedText(Value, frozen=True):
    """What was typed so far after the message `parent_id`, which is to be the head; None is the root."""

    text: Annotated[str, Meta(max_length=LONGEST)]
    parent_id: str | None


class Reads(Value, frozen=True):
    """Whether it may be read; where it may not, nothing more needs to be told."""

    reads: bool


@router.post("/conversations/{conversation_id}/typing", **shows(Reads, takes=TypedText))
async def typing(
    app: Fireside, conversation_id: str, wanted: Annotated[TypedText, body(TypedText)]
) -> Response:
    """Tell what is being typed and not sent, so that a model of this machine reads it while nobody else asks.

    It is kept nowhere, and no other machine hears of it. A text that ends with white space surely goes on;
    any other may be the whole question. Each text takes the place of the one before, an empty one too.
    """
    unsent = await asyncio.to_thread(_unsent, app, conversation_id, wanted)
    if unsent:
        app.reading_along.hear(unsent)
    return answer(Reads(unsent is not None))


def _unsent(app: App, conversation_id: str, wanted: TypedText) -> Unsent | None:
    """Return what is to be read along; None where nobody wants it, or no engine that can would answer."""
    store = app.store_of(conversation_id)
    conversation = store.conversation(conversation_id)
    if not app.settings.read_while_typing or wanted.parent_id != conversation.head_id:
        return None
    with suppress(FiresideError):  # whoever sends it is told what is wrong
        defaults = app.resolve(conversation.defaults)
        defaults = app.catalogue.ready_to_answer(defaults, said(Role.USER, wanted.text))
        file = app.files.at_hand(defaults.model or "")
        if file and file.engine == "llamacpp":
            return Unsent(conversation_id, wanted.parent_id, wanted.text, defaults, file, store)
    return None
