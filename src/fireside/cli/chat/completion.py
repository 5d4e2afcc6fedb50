"""What Tab offers after a slash: commands, and what their arguments may be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from fireside.cli.chat.commands import Command, table
from fireside.cli.chat.session import Session
from fireside.cli.chat.waiting import fitting
from fireside.cli.visible import visible_line
from fireside.errors import FiresideError

_FRESH_S = 3.0
_MEANING_WIDTH = 50


class CommandCompleter(Completer):
    """Completes only lines that begin with one slash; what the server knows is asked for once in a while."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self._commands = table()
        self._paths = PathCompleter(expanduser=True)
        self._known: dict[str, tuple[float, Sequence[tuple[str, str]]]] = {}

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Complete without asking anybody: names of commands, and paths."""
        name, blank, argument = document.text_before_cursor.removeprefix("/").partition(" ")
        if not document.text.startswith("/") or "\n" in document.text:
            return
        if not blank:
            for command in self._commands.values():
                if command.name.startswith(name):
                    yield _completion(command.name, command.help, len(name), command.usage.removeprefix("/"))
            return
        command_here = self._commands.get(name)
        if command_here and command_here.takes_path:
            path = Document(argument.lstrip())
            yield from self._paths.get_completions(path, complete_event)
        elif name == "help":
            rest = ((command.name, command.help) for command in self._commands.values())
            yield from _matching(rest, argument.lstrip())

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        for completion in self.get_completions(document, complete_event):
            yield completion
        name, blank, argument = document.text_before_cursor.removeprefix("/").partition(" ")
        command = self._commands.get(name) if document.text.startswith("/") and blank else None
        if command:
            word = argument.lstrip()
            for completion in _matching(await self._choices(command), word):
                yield completion

    async def _choices(self, command: Command) -> Sequence[tuple[str, str]]:
        if command.choices is None or self.session is None:
            return ()
        asked_at_s, known = self._known.get(command.name, (-_FRESH_S, ()))
        if time.monotonic() - asked_at_s > _FRESH_S:
            try:
                known = await asyncio.wait_for(command.choices(self.session), timeout=2)
            except (FiresideError, TimeoutError):
                known = ()
            self._known[command.name] = (time.monotonic(), known)
        return known


def _matching(choices: Iterable[tuple[str, str]], word: str) -> Iterable[Completion]:
    wanted = word.casefold()
    for text, meaning in choices:
        if text.casefold().startswith(wanted) or (wanted and wanted in meaning.casefold()):
            yield _completion(text, meaning, len(word))


def _completion(text: str, meaning: str, typed: int, shown: str | None = None) -> Completion:
    return Completion(
        visible_line(text),
        start_position=-typed,
        display=visible_line(shown or text),
        display_meta=fitting(visible_line(meaning), _MEANING_WIDTH),
    )
