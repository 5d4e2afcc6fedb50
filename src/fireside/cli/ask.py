"""`fireside ask`: one turn, for people in a hurry and for scripts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from fireside.cli.flags import with_chat_flags
from fireside.cli.languages import _
from fireside.cli.options import ChatOptions
from fireside.cli.output import print_json, write
from fireside.cli.running import run
from fireside.cli.visible import visible
from fireside.errors import BadRequest, EmptyMessage, FiresideError, TooLarge
from fireside.events import Event, Progress, Text
from fireside.messages import Part, TextPart

if TYPE_CHECKING:
    from fireside.cli.chat.render import ReplyView
    from fireside.cli.chat.waiting import Waiting
    from fireside.client.chats import AsyncChat
    from fireside.client.routes import AsyncClient

MESSAGE_BYTES = 4_000_000
"""What the server takes in one message; more isn't read at all."""


@click.command("ask", help=_("Ask one question and print the reply; standard input is added to it."))
@click.argument("words", metavar="[TEXT]…", nargs=-1)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=_("A text file or a picture that goes with the question; may be repeated."),
)
@with_chat_flags
def ask(words: Sequence[str], files: Sequence[Path], options: ChatOptions) -> None:
    from fireside.cli.attaching import read_part

    parts: list[Part] = [read_part(path.expanduser()) for path in files]
    given = None if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer
    text = question(words, given, needed=not parts)
    said = [*parts, *([TextPart(text)] if text else [])] if parts else text
    failure = run(lambda client: _ask(client, said, options), asks=options.asks)
    if failure is not None:
        raise failure


def question(words: Sequence[str], stdin: IO[bytes] | None, *, needed: bool = True) -> str:
    """Return what is asked: the words, a blank line, and what stands on standard input.

    EmptyMessage when words are `needed` and both are empty, BadRequest for what isn't UTF-8, TooLarge above
    MESSAGE_BYTES.
    """
    given = stdin.read(MESSAGE_BYTES + 1) if stdin is not None else b""
    said = " ".join(words)
    try:
        said.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(_("the arguments are not UTF-8"), hint=_("use a UTF-8 terminal")) from error
    if len(given) + len(said.encode()) > MESSAGE_BYTES:
        raise TooLarge(
            _("a message may have {count:,} bytes at most", count=MESSAGE_BYTES),
            hint=_("send a part of it"),
        )
    try:
        piped = given.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadRequest(
            _("standard input is not UTF-8 at byte {place}", place=error.start),
            hint=_("convert it first, for example with `iconv -f latin1 -t utf-8`; nothing was sent"),
        ) from error
    text = "\n\n".join(part for part in (said, piped) if part.strip())
    if needed and not text:
        raise EmptyMessage(_("nothing was asked"), hint=_("for example: fireside ask 'Why is the sky blue?'"))
    return text


async def chat_of(client: AsyncClient, options: ChatOptions) -> AsyncChat:
    """Return the chat that the flags mean, a new one or one that goes on."""
    from fireside.cli.lookup import find_conversation_id, find_last_id
    from fireside.client.chats import AsyncChat

    conversation = None
    if options.conversation_id is not None:
        conversation = await find_conversation_id(client, options.conversation_id)
    elif options.continue_last:
        conversation = await find_last_id(client)
    return AsyncChat.over(client, options.defaults, conversation=conversation, temporary=options.temporary)


async def _ask(client: AsyncClient, said: str | Sequence[Part], options: ChatOptions) -> FiresideError | None:
    """Print the reply; return the error that ended it, so that it stands below what was said."""
    chat = await chat_of(client, options)
    shown = _Shown(client, options)
    failure: FiresideError | None = None
    try:
        async with aclosing(chat.events(said)) as events:
            async for event in events:
                await shown.show(event)
    except FiresideError as error:
        failure = error
    finally:
        shown.end()
    if options.json and chat.last is not None:
        print_json(chat.last)
    return failure


def _view() -> ReplyView:
    """Return what shows the reply: Markdown on a terminal, the words as they are elsewhere."""
    if not sys.stdout.isatty():
        return _Words()
    from fireside.cli.chat.render import view_for
    from fireside.cli.chat.screen import Screen

    return view_for(Screen(), None)


class _Words:
    """The reply's text on standard output, without loading what draws on terminals."""

    def __init__(self) -> None:
        self._ends_line = True

    def feed(self, text: str) -> None:
        write(visible(text))
        self._ends_line = text.endswith("\n") if text else self._ends_line

    def close(self) -> None:
        if not self._ends_line:
            write("\n")


class _Shown:
    """A reply on standard output, and what is waited for on standard error."""

    def __init__(self, client: AsyncClient, options: ChatOptions) -> None:
        self._client = client
        self._options = options
        self._waiting: Waiting | None = None
        self._introduced = False
        self._view: ReplyView | None = None

    async def show(self, event: Event) -> None:
        if isinstance(event, Progress):
            await self._show_progress(event)
        elif isinstance(event, Text) and not self._options.json:
            self._clear()
            self._view = self._view or _view()
            self._view.feed(event.text)

    def end(self) -> None:
        self._clear()
        if self._view is not None:
            self._view.close()

    async def _show_progress(self, progress: Progress) -> None:
        if progress.stage == "fetching" and not self._introduced:
            self._introduced = True
            await self._introduce()
        if sys.stderr.isatty():
            from fireside.cli.output import waiting

            self._waiting = self._waiting or waiting()
            self._waiting.show(progress)

    async def _introduce(self) -> None:
        """Say what is going to be fetched before it is: name, licence, size, origin."""
        from fireside.cli.models_fit import fit_of
        from fireside.cli.output import introduce

        model = self._options.defaults.model or (await self._client.status()).default_model
        card = await self._client.model(model)
        introduce(card, await fit_of(self._client, card))

    def _clear(self) -> None:
        if self._waiting is not None:
            self._waiting.clear()
