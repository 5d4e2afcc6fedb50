"""How a chat begins: which conversation, which model, and one quiet line."""

from __future__ import annotations

from rich.cells import cell_len

from fireside.cli.chat.commands_answering import model_name
from fireside.cli.chat.commands_chats import show_standing
from fireside.cli.chat.commands_view import greet
from fireside.cli.chat.first_model import fetch
from fireside.cli.chat.session import Session
from fireside.cli.chat.waiting import fitting
from fireside.cli.languages import _
from fireside.cli.lookup import find_conversation_id, find_last_id
from fireside.cli.options import ChatOptions
from fireside.cli.visible import visible_line
from fireside.cli.whereabouts import place_of
from fireside.conversations import Tree
from fireside.errors import FiresideError

_NARROWEST_TITLE = 8


async def begin(session: Session, options: ChatOptions, *, is_person: bool) -> None:
    """Make the session ready for its first message; what the command line named is looked up here."""
    tree = await _continued(session, options)
    if tree is not None:
        await session.take(tree.conversation, turn=options.defaults)
    else:
        session.defaults = options.defaults
        session.start_anew(temporary=options.temporary)
        await session.find_persona()
    if not is_person:
        return
    await _present_model(session, is_new=tree is None)
    if tree is None:
        greet(session)
    else:
        await show_standing(session, tree)


async def _continued(session: Session, options: ChatOptions) -> Tree | None:
    if options.conversation_id is not None:
        return await session.client.tree(await find_conversation_id(session.client, options.conversation_id))
    if options.continue_last:
        return await session.client.tree(await find_last_id(session.client))
    return None


async def _present_model(session: Session, *, is_new: bool) -> None:
    """Say who answers, and fetch the model when it isn't here yet."""
    try:
        card = await session.client.model(await model_name(session))
        if not card.installed:
            card = await fetch(session.client, session.screen, card)
        name = " · ".join(filter(None, (card.name, place_of(card))))
    except FiresideError as error:
        if is_new:
            raise
        # What was said can be read without its model, and another one can be taken.
        session.screen.error(error)
        name = _("no model")
    title = session.conversation.title if session.conversation else ""
    room = session.screen.width - cell_len(f"{name} ·  · /help")
    shown = [fitting(visible_line(title), room)] if title and room > _NARROWEST_TITLE else []
    session.screen.note(" · ".join([name, *shown, "/help"]))
