"""Commands for a conversation's branches: /regen /edit /continue /branch /branches /undo."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fireside.cli.chat.answering import send, watch
from fireside.cli.chat.branches import Fork, Twig, last_reply, latest_fork, my_messages, newest_end, twigs
from fireside.cli.chat.commands_view import show_exchange
from fireside.cli.chat.sampling_text import is_settings, parse_settings
from fireside.cli.chat.session import Session
from fireside.cli.chat.waiting import fitting
from fireside.cli.languages import _, _n
from fireside.cli.visible import visible_line
from fireside.conversations import StoredMessage, Tree
from fireside.errors import BadRequest, Conflict
from fireside.messages import Role, Sampling

_STEPS = {"next": 1, "prev": -1}


async def regen(session: Session, argument: str) -> None:
    """Ask for another reply: as it is, with other sampling, or with words added to my message."""
    tree = await session.tree()
    asked = next(iter(my_messages(tree, session.head_id)), None)
    if asked is None:
        raise Conflict(_("there is no message to answer"), hint=_("write something first"))
    if argument and not is_settings(argument):
        session.editing = asked
        await send(session, f"{asked.text}\n\n{argument}".lstrip("\n"))
        return
    sampling = Sampling(**parse_settings(argument))  # type: ignore[arg-type]
    turn = msgspec.structs.replace(session.turn, sampling=session.turn.sampling.merged(sampling))
    await watch(session, await session.client.regenerate(asked.id, turn))


async def edit(session: Session, argument: str) -> None:
    """Put an earlier message of mine into the prompt; sent again, it begins a new branch."""
    mine = my_messages(await session.tree(), session.head_id)
    place = _number(
        argument or "1", len(mine), _("there are {count} messages of yours on this branch", count=len(mine))
    )
    session.editing = mine[place - 1]
    session.draft = session.editing.text
    session.screen.note(_("change it and press Enter; Ctrl-C leaves it as it was"))


async def my_turns(session: Session) -> Sequence[tuple[str, str]]:
    mine = my_messages(await session.tree(), session.head_id)
    return [(str(place), _preview(message, 40)) for place, message in enumerate(mine[:20], 1)]


async def go_on(session: Session, argument: str) -> None:
    """Let a reply that was cut go on."""
    reply = last_reply(await session.tree(), session.head_id)
    if reply is None:
        raise Conflict(_("there is no reply that could go on"), hint=_("write something first"))
    await watch(session, await session.client.continue_reply(reply.id, session.turn))


async def branch(session: Session, argument: str) -> None:
    """Show the options of the latest fork, or take one of them."""
    tree = await session.tree()
    fork = latest_fork(tree, session.head_id)
    if fork is None:
        raise Conflict(_("this conversation has no forks"), hint=_("/regen and /edit make some"))
    if not argument:
        for place, option in enumerate(fork.options):
            session.screen.say(_option_line(session, place, option, is_current=place == fork.current))
        return
    await _take(session, tree, _chosen(fork, argument))


def _chosen(fork: Fork, argument: str) -> StoredMessage:
    if step := _STEPS.get(argument):
        return fork.step(step)
    few = _n("the latest fork has {count} branch", "the latest fork has {count} branches", len(fork.options))
    return fork.options[_number(argument, len(fork.options), few) - 1]


async def _take(session: Session, tree: Tree, option: StoredMessage) -> None:
    end = newest_end(tree, option)
    await session.move_to(end.id)
    show_exchange(session, tree)


async def options(session: Session) -> Sequence[tuple[str, str]]:
    fork = latest_fork(await session.tree(), session.head_id)
    numbered = enumerate(fork.options if fork else (), 1)
    return [(str(place), _preview(option, 40)) for place, option in numbered] + [("next", ""), ("prev", "")]


async def branches(session: Session, argument: str) -> None:
    """Draw the forks as a tree; the lines of the shown branch are marked."""
    for twig in twigs(await session.tree(), session.head_id):
        session.screen.say(_twig_line(session, twig), None if twig.is_on_branch else "dim")


def _twig_line(session: Session, twig: Twig) -> str:
    mark = "●" if twig.is_on_branch else "○"
    number = f"{twig.number} " if twig.number else ""
    later = (
        " " + _n("(+{count} message)", "(+{count} messages)", twig.later_messages)
        if twig.later_messages
        else ""
    )
    indent = "  " * min(twig.depth, session.screen.width // 6)
    before = f"{indent}{mark} {number}{_speaker(session, twig.message)}: "
    room = session.screen.width - len(before) - len(later) - 1
    return before + _preview(twig.message, max(room, 8)) + later


async def undo(session: Session, argument: str) -> None:
    """Go back before the last turn. It stays where it is, as a branch."""
    tree = await session.tree()
    asked = next(iter(my_messages(tree, session.head_id)), None)
    if asked is None:
        raise Conflict(_("there is no turn to take back"))
    place = [message.id for message in tree.siblings(asked.id)].index(asked.id) + 1
    await session.move_to(asked.parent_id)
    session.screen.note(
        _("took back: {words}", words=_preview(asked, max(session.screen.width - 16, 8)))
        + "\n"
        + _("/branch {number} brings it back", number=place)
    )


def _option_line(session: Session, place: int, option: StoredMessage, *, is_current: bool) -> str:
    before = f"{'●' if is_current else '○'} {place + 1} {_speaker(session, option)}: "
    return before + _preview(option, max(session.screen.width - len(before) - 1, 8))


def _speaker(session: Session, message: StoredMessage) -> str:
    if message.role is Role.USER:
        return session.in_force.me or _("You")
    return session.in_force.you or _("Assistant")


def _preview(message: StoredMessage, width: int) -> str:
    return fitting(visible_line(" ".join(message.message.prompt_text.split())), width) or "…"


def _number(argument: str, highest: int, otherwise: str) -> int:
    if not argument.isdecimal() or not 1 <= int(argument) <= highest:
        hint = _("give a number from 1 to {highest}", highest=highest) if highest else None
        raise BadRequest(otherwise, hint=hint)
    return int(argument)
