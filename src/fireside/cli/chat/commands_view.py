"""Commands that show something or change how it is shown: /context /names /stats; and shared views."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fireside.cli.chat.branches import path_to
from fireside.cli.chat.render import view_for
from fireside.cli.chat.screen import Screen
from fireside.cli.chat.session import Session
from fireside.cli.languages import _
from fireside.cli.visible import visible, visible_line
from fireside.conversations import ReplyStatus, StoredMessage, Tree
from fireside.errors import BadRequest
from fireside.messages import Role

_BRIEF_LINES = 3


def columns(screen: Screen, rows: Sequence[tuple[str, str]]) -> None:
    """Show pairs in two columns; below each other where there is no room."""
    widest = max((cell_len(left) for left, _right in rows), default=0)
    if widest * 2 > screen.width:
        for left, right in rows:
            screen.say(left, "bold")
            screen.show(Padding(Text(visible(right)), (0, 0, 0, 2)))
        return
    table = Table.grid(padding=(0, 2))
    for left, right in rows:
        table.add_row(Text(visible_line(left), "bold", no_wrap=True), Text(visible_line(right)))
    screen.show(table)


async def names(session: Session, argument: str) -> None:
    """Switch names before lines on or off."""
    session.names = _switched(argument, session.shows_names)
    session.screen.note(_("names are shown") if session.names else _("names are not shown"))


async def stats(session: Session, argument: str) -> None:
    """Switch the line of numbers after each reply on or off."""
    session.stats = _switched(argument, session.stats)
    session.screen.note(
        _("numbers are shown after each reply") if session.stats else _("numbers are not shown")
    )


async def on_off(session: Session) -> Sequence[tuple[str, str]]:
    return [("on", ""), ("off", "")]


def _switched(argument: str, before: bool) -> bool:
    if not argument:
        return not before
    if argument not in ("on", "off"):
        raise BadRequest(_("{word} is neither on nor off", word=argument))
    return argument == "on"


def greet(session: Session) -> None:
    """Show what the persona says first, in a conversation that hasn't begun."""
    first = session.persona.first_message if session.persona else None
    if first and session.conversation is None:
        _show_reply(session, first)


def _show_reply(session: Session, text: str) -> None:
    view = view_for(session.screen, session.your_name)
    view.feed(text)
    view.close()


def show_exchange(session: Session, tree: Tree, *, with_reply: bool = True) -> None:
    """Show where the conversation stands: my last message briefly, the last reply whole."""
    branch = path_to(tree, session.head_id)
    mine = next((message for message in reversed(branch) if message.role is Role.USER), None)
    if mine is not None:
        lines = visible(mine.message.prompt_text.strip()).split("\n")
        more = ["…"] if len(lines) > _BRIEF_LINES else []
        before = f"{session.my_name or ''}> "
        session.screen.say(before + "\n  ".join([*lines[:_BRIEF_LINES], *more]), "dim")
    if with_reply and branch and branch[-1].role is Role.ASSISTANT:
        if branch[-1].text:
            _show_reply(session, branch[-1].text)
        _tell_ending(session, branch[-1])
        session.screen.note("")


def _tell_ending(session: Session, reply: StoredMessage) -> None:
    match reply.status:
        case ReplyStatus.STOPPED:
            session.screen.note(_("stopped · /continue goes on, /regen asks again"))
        case ReplyStatus.INTERRUPTED:
            session.screen.note(_("interrupted · /continue goes on, /regen asks again"))
        case ReplyStatus.FAILED:
            reason = reply.failure.message if reply.failure else reply.status
            session.screen.note(_("failed: {reason} · /regen asks again", reason=reason))
