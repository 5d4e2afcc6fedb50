"""The chat from its first line to its last: read what is entered, do it, read again."""

from __future__ import annotations

import asyncio
import importlib
import sys
from contextlib import AsyncExitStack

from fireside.cli.chat import commands
from fireside.cli.chat.answering import INTERRUPTED, send
from fireside.cli.chat.completion import CommandCompleter
from fireside.cli.chat.input import Cleared, Keyboard, Lines, Reader, unquoted
from fireside.cli.chat.screen import Screen
from fireside.cli.chat.session import Leave, Session
from fireside.cli.chat.start import begin
from fireside.cli.chat.typing import Typing
from fireside.cli.chat.waiting import Waiting
from fireside.cli.languages import _, use
from fireside.cli.options import ChatOptions
from fireside.client.routes import connected
from fireside.errors import FiresideError
from fireside.settings import find_home, load_settings

_SLOW_TO_IMPORT = "fireside.cli.chat.markdown"


def chat(options: ChatOptions) -> int:
    """Run the chat; return its exit code."""
    try:
        return asyncio.run(_chat(options))
    except KeyboardInterrupt:
        return INTERRUPTED


async def _chat(options: ChatOptions) -> int:
    home = find_home()
    settings = load_settings(home)
    use(settings.language)
    is_person = sys.stdin.isatty() and sys.stdout.isatty()
    screen = Screen(draws=None if is_person else False)
    async with AsyncExitStack() as stack:
        waiting = stack.enter_context(Waiting(screen))
        client = await stack.enter_async_context(
            connected(
                home,
                on_start=lambda: waiting.tell(_("starting the server")),
                asks=options.asks,
            )
        )
        waiting.clear()
        completer = CommandCompleter()
        reader: Reader = (
            Keyboard(home.data / "history", completer, is_bold=screen.draws)
            if is_person
            else Lines(sys.stdin.buffer, yes=options.yes)
        )
        session = completer.session = Session(client, screen, reader, settings.persona)
        if isinstance(reader, Keyboard):
            reader.typed = Typing(session).hear
        try:
            await begin(session, options, is_person=is_person)
            if is_person:
                # Drawing a reply needs it, and nobody waits for it while they type.
                importing = asyncio.create_task(asyncio.to_thread(importlib.import_module, _SLOW_TO_IMPORT))
                stack.callback(importing.cancel)
            await converse(session, ends_at_error=not is_person)
        except Leave as leave:
            return leave.code
    raise AssertionError  # only Leave ends a conversation, or an error


async def converse(session: Session, *, ends_at_error: bool) -> None:
    """Read and do until somebody leaves. A script ends at its first error, a person goes on."""
    cleared_before = False
    while True:
        draft, session.draft = session.draft, ""
        try:
            text = await session.reader.read(prompt_of(session), draft)
            cleared_before = False
            await respond(session, text)
        except Cleared as cleared:
            _tell_cleared(session, is_second=cleared_before and not cleared.had_text)
            cleared_before = True
        except FiresideError as error:
            if ends_at_error:
                raise
            session.screen.error(error)


def _tell_cleared(session: Session, *, is_second: bool) -> None:
    if session.editing is not None:
        session.editing = None
        session.screen.note(_("the message stays as it was"))
    elif is_second:
        raise Leave(INTERRUPTED)
    else:
        session.screen.note(_("Ctrl-C again leaves, and so does Ctrl-D"))


def prompt_of(session: Session) -> str:
    """Return `> `, after my name when names are shown."""
    return f"{session.my_name or ''}> "


async def respond(session: Session, text: str) -> None:
    """Do what one entered text asks for: a command, or a turn."""
    if commands.is_command(text):
        await commands.run(session, text)
        return
    message = unquoted(text.removeprefix("/") if text.startswith("//") else text)
    if message.strip() or session.files:
        await send(session, message)
