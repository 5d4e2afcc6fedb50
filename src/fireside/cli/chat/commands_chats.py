"""Commands that go among conversations: /chats /open /search /new /temporary /rename /delete."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text

from fireside.cli.chat.answering import watch
from fireside.cli.chat.branches import path_to
from fireside.cli.chat.commands_view import columns, greet, show_exchange
from fireside.cli.chat.session import Session
from fireside.cli.chat.waiting import fitting
from fireside.cli.languages import _, _n
from fireside.cli.lookup import find_conversation_id, short_id
from fireside.cli.visible import visible_line
from fireside.conversations import Conversation, SearchHit, Tree
from fireside.errors import BadRequest, Conflict, ConversationNotFound
from fireside.messages import Role

_LISTED = 10
_MARK_BEGIN, _MARK_END = "\x02", "\x03"


async def chats(session: Session, argument: str) -> None:
    """List the latest conversations with numbers."""
    if argument and not argument.isdecimal():
        raise BadRequest(_("{word} is not a number", word=argument))
    page = await session.client.conversations(limit=min(max(int(argument or _LISTED), 1), 500))
    _list(session, page.conversations)


def _list(session: Session, found: Sequence[Conversation]) -> None:
    session.listed = [conversation.id for conversation in found]
    if not found:
        session.screen.note(_("there are no conversations yet"))
        return
    columns(session.screen, [(f"{place}", _line(session, each)) for place, each in enumerate(found, 1)])
    session.screen.note(_("/open NUMBER goes on in one"))


def _line(session: Session, conversation: Conversation) -> str:
    here = session.conversation is not None and session.conversation.id == conversation.id
    return f"{'● ' if here else ''}{conversation.title or _('untitled')} · {ago(conversation.updated_at)}"


def ago(at_ms: int, now_ms: float | None = None) -> str:
    """Return how long ago a time was, in one word or two."""
    passed_s = max((time.time() * 1000 if now_ms is None else now_ms) - at_ms, 0) / 1000
    if passed_s < 60:
        return _("just now")
    if passed_s < 3600:
        return _n("{count} minute ago", "{count} minutes ago", round(passed_s // 60))
    if passed_s < 86400:
        return _n("{count} hour ago", "{count} hours ago", round(passed_s // 3600))
    return _n("{count} day ago", "{count} days ago", round(passed_s // 86400))


async def open_chat(session: Session, argument: str) -> None:
    """Go on in another conversation, by its number in the last listing, its id, or words in it."""
    if not argument:
        await chats(session, "")
        return
    if argument.isdecimal() and len(argument) <= 3:
        await enter(session, _numbered(session, int(argument)))
        return
    try:
        found = await find_conversation_id(session.client, argument)
    except ConversationNotFound:
        page = await session.client.conversations(query=argument, limit=_LISTED)
        if not page.conversations:
            raise
        if len(page.conversations) > 1:
            _list(session, page.conversations)
            return
        found = page.conversations[0].id
    await enter(session, found)


def _numbered(session: Session, number: int) -> str:
    if not session.listed:
        raise BadRequest(_("nothing was listed yet"), hint=_("/chats lists the latest conversations"))
    if not 1 <= number <= len(session.listed):
        hint = _("give a number from 1 to {highest}", highest=len(session.listed))
        raise BadRequest(_("the last listing has no number {number}", number=number), hint=hint)
    return session.listed[number - 1]


async def enter(session: Session, conversation_id: str) -> None:
    """Go on in another conversation."""
    tree = await session.client.tree(conversation_id)
    await session.take(tree.conversation)
    session.screen.note(tree.conversation.title or _("untitled"))
    await show_standing(session, tree)


async def show_standing(session: Session, tree: Tree) -> None:
    """Show where the conversation stands, and watch a reply that still runs."""
    last = path_to(tree, session.head_id)[-1:]
    is_running = bool(last) and last[0].role is Role.ASSISTANT and not last[0].status.ended
    show_exchange(session, tree, with_reply=not is_running)
    if is_running:
        await watch(session, last[0])


async def recent(session: Session) -> Sequence[tuple[str, str]]:
    page = await session.client.conversations(limit=_LISTED)
    return [(short_id(each.id), each.title) for each in page.conversations]


async def search(session: Session, argument: str) -> None:
    """Show where words were said, with what matched marked."""
    if not argument:
        raise BadRequest(
            _("there is nothing to search for"), hint=_("for example: {example}", example="/search inertia")
        )
    hits = await session.client.search(argument, limit=_LISTED)
    if not hits:
        session.screen.note(_("nobody said that"))
        return
    session.listed = list(dict.fromkeys(hit.conversation_id for hit in hits))
    for place, conversation_id in enumerate(session.listed, 1):
        of_it = [hit for hit in hits if hit.conversation_id == conversation_id]
        session.screen.say(f"{place} {of_it[0].title or _('untitled')}", "bold")
        for hit in of_it:
            session.screen.show(marked(hit, session.screen.draws))
    session.screen.note(_("/open NUMBER goes on in one"))


def marked(hit: SearchHit, in_colour: bool) -> Text:
    """Return the snippet with what matched in bold, or in [brackets] where there is no bold."""
    text = Text("  ")
    for place, piece in enumerate(hit.snippet.split(_MARK_BEGIN)):
        match, end, rest = piece.partition(_MARK_END)
        if place == 0 or not end:
            text.append(visible_line(piece))
            continue
        text.append(visible_line(match) if in_colour else f"[{visible_line(match)}]", "bold reverse")
        text.append(visible_line(rest))
    return text


async def new(session: Session, argument: str) -> None:
    """Begin another conversation."""
    session.start_anew()
    session.screen.note(_("a new conversation"))
    greet(session)


async def temporary(session: Session, argument: str) -> None:
    """Begin a conversation that is never listed, and gone when the server ends."""
    session.start_anew(temporary=True)
    session.screen.note(_("a temporary conversation: nothing of it is kept, nor what you type"))


async def rename(session: Session, argument: str) -> None:
    """Give the conversation another title."""
    if not argument:
        raise BadRequest(
            _("the title is missing"), hint=_("for example: {example}", example="/rename Newton")
        )
    conversation = _present(session)
    session.conversation = await session.client.update_conversation(conversation.id, title=argument)
    session.screen.note(_("now called {title}", title=session.conversation.title))


async def delete(session: Session, argument: str) -> None:
    """Move the conversation to the trash and begin another one."""
    conversation = _present(session)
    await session.client.delete_conversation(conversation.id)
    session.start_anew()
    if not conversation.temporary:
        session.screen.note(
            _("moved to the trash: {title}", title=fitting(conversation.title or _("untitled"), 40))
            + "\n"
            + _("`{command}` brings it back", command=f"fireside chats restore {short_id(conversation.id)}")
        )


def _present(session: Session) -> Conversation:
    if session.conversation is None:
        raise Conflict(_("this conversation has not begun yet"), hint=_("write something first"))
    return session.conversation
