"""Commands that touch files and the clipboard: /file /export /import /copy."""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path
from typing import Literal

from fireside.cards import ImportSummary
from fireside.cli.attaching import read_part
from fireside.cli.chat.branches import last_reply
from fireside.cli.chat.clipboard import copy_text
from fireside.cli.chat.session import Session
from fireside.cli.chat.waiting import Waiting
from fireside.cli.languages import _, _n
from fireside.errors import BadRequest, Conflict

_STYLES: dict[str, Literal["markdown", "json"]] = {".md": "markdown", ".json": "json"}


async def attach(session: Session, argument: str) -> None:
    """Attach a text file or a picture to the next message; `none` takes all attached ones away."""
    if argument == "none":
        session.files = []
        session.screen.note(_("nothing is attached"))
        return
    path = _path(argument, "/file notes.txt")
    session.files.append(read_part(path))
    names = ", ".join(file.name for file in session.files)
    session.screen.note(_("attached to the next message: {names}", names=names))


async def export(session: Session, argument: str) -> None:
    """Write the conversation to a new file; the ending says how."""
    path = _path(argument, "/export newton.md")
    style = _STYLES.get(path.suffix.lower())
    if style is None:
        raise BadRequest(
            _("the name must end with .md or .json"),
            hint=_("for example: {example}", example=path.with_suffix(".md")),
        )
    if session.conversation is None:
        raise Conflict(_("this conversation has not begun yet"), hint=_("write something first"))
    if path.exists() and not await session.reader.confirm(_("{path} exists. Replace it?", path=path)):
        raise Conflict(_("{path} exists and stays as it is", path=path), hint=_("choose another name"))
    data = await session.client.export_conversation(session.conversation.id, style)
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise BadRequest(_("{path} can't be written: {reason}", path=path, reason=reason)) from None
    session.screen.note(_("written to {path}", path=path))


async def import_chats(session: Session, argument: str) -> None:
    """Import conversations; doing it twice changes nothing."""
    path = _path(argument, "/import conversations.json")
    with Waiting(session.screen) as waiting:
        async with aclosing(session.client.import_file(path)) as steps:
            async for step in steps:
                if isinstance(step, ImportSummary):
                    waiting.clear()
                    tell_imported(session, step)
                else:
                    done = f" {step.done / step.total:.0%}" if step.total else ""
                    waiting.tell(_("importing") + done)


def tell_imported(session: Session, summary: ImportSummary) -> None:
    """Say what an import did."""
    session.screen.say(
        _n("{count} conversation imported", "{count} conversations imported", summary.conversations)
    )
    if summary.already_there:
        session.screen.say(
            _n("{count} was there already", "{count} were there already", summary.already_there)
        )
    for line in summary.skipped:
        session.screen.say(_("skipped: {reason}", reason=line))


async def copy(session: Session, argument: str) -> None:
    """Copy the last reply."""
    reply = last_reply(await session.tree(), session.head_id)
    if reply is None or not reply.text:
        raise Conflict(_("there is no reply to copy"), hint=_("write something first"))
    way = await copy_text(reply.text, session.screen)
    session.screen.note(_("copied with {way}", way=way) if way else _("copied, if the terminal allows it"))


def _path(argument: str, example: str) -> Path:
    if not argument:
        raise BadRequest(_("the file's name is missing"), hint=_("for example: {example}", example=example))
    text = (
        argument[1:-1]
        if len(argument) > 1 and argument[0] == argument[-1] and argument[0] in "'\""
        else argument
    )
    return Path(os.path.expanduser(text))  # noqa: PTH111 (Path.expanduser fails for an unknown user)
