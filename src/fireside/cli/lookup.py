"""Finding the conversation that a person means by an id, a part of one, or a title."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fireside.cli.languages import _
from fireside.cli.visible import visible_line
from fireside.conversations import Conversation
from fireside.errors import BadRequest, ConversationNotFound

if TYPE_CHECKING:
    from fireside.client.routes import AsyncClient

SHORT_ID = 8
"""The end of an id is what listings show: its beginning is the time, which neighbours share."""
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_CANDIDATES = 8


def short_id(conversation_id: str) -> str:
    return conversation_id[-SHORT_ID:]


async def find_conversation_id(client: AsyncClient, meant: str, *, trash: bool = False) -> str:
    """Return the id of the one conversation that `meant` names.

    ConversationNotFound when there is none, BadRequest with the candidates when there are several.
    """
    if _ID.fullmatch(meant.strip()):
        return meant.strip().lower()
    listed = [conversation async for conversation in client.all_conversations(trash=trash)]
    return choose(listed, meant).id


async def find_last_id(client: AsyncClient) -> str:
    """Return the id of the conversation that was used last."""
    page = await client.conversations(limit=100)
    if not page.conversations:
        raise ConversationNotFound(
            _("there is no conversation to go on with"), hint=_("begin one without --continue")
        )
    return max(page.conversations, key=lambda conversation: conversation.updated_at).id


def choose(listed: Sequence[Conversation], meant: str) -> Conversation:
    """Return the one of `listed` that is meant: by id, then the whole title, then a part of it."""
    wanted = meant.strip().casefold()
    if not wanted:
        raise BadRequest(_("no conversation is named"), hint=_("`fireside chats` lists them"))
    ways = (
        [one for one in listed if one.id.startswith(wanted) or one.id.endswith(wanted)],
        [one for one in listed if one.title.casefold() == wanted],
        [one for one in listed if wanted in one.title.casefold()],
    )
    found = next((way for way in ways if way), [])
    if not found:
        raise ConversationNotFound(
            _("no conversation is called {name}", name=repr(meant)), hint=_("`fireside chats` lists them")
        )
    if len(found) > 1:
        lines = [f"{short_id(one.id)}  {visible_line(one.title)}" for one in found[:_CANDIDATES]]
        more = ["…"] if len(found) > _CANDIDATES else []
        raise BadRequest(
            _("{name} may mean {count} conversations", name=repr(meant), count=len(found)),
            hint="\n".join([_("name one of them by its id:"), *lines, *more]),
        )
    return found[0]
