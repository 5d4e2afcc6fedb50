"""How lines come in: from a person at a terminal, or from a pipe."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from fireside.cli.chat.session import Leave
from fireside.cli.languages import _
from fireside.cli.visible import visible_line
from fireside.errors import BadRequest

QUOTES = '"""'


class Cleared(Exception):
    """Ctrl-C was pressed at the prompt."""

    def __init__(self, *, had_text: bool) -> None:
        super().__init__(had_text)
        self.had_text = had_text


class Reader(Protocol):
    """Where messages and commands come from. With `remember` off, nothing goes into the history file."""

    remember: bool

    async def read(self, prompt: str, draft: str) -> str:
        """Return what was entered; Cleared for Ctrl-C, Leave at the end of the input."""
        ...

    async def confirm(self, question: str) -> bool: ...


def is_open(text: str) -> bool:
    """Return whether `text` begins with three quotation marks that nothing closes yet.

    >>> is_open('\"\"\"two'), is_open('\"\"\"two\\nlines\"\"\"'), is_open("one")
    (True, False, False)
    """
    stripped = text.strip()
    closed = len(stripped) >= 2 * len(QUOTES) and stripped.endswith(QUOTES)
    return stripped.startswith(QUOTES) and not closed


def unquoted(text: str) -> str:
    """Return `text` without the three quotation marks around it.

    >>> unquoted('\"\"\"\\nHow\\nare you?\\n\"\"\"')
    'How\\nare you?'
    """
    stripped = text.strip()
    if stripped.startswith(QUOTES) and not is_open(text):
        return stripped[len(QUOTES) : -len(QUOTES)].strip("\n")
    return text


class Keyboard:
    """A person at a terminal: history over sessions, completion, several lines."""

    def __init__(self, history_file: Path, completer: Completer, *, is_bold: bool = True) -> None:
        self._style = "bold" if is_bold else ""
        self._history = PrivateHistory(history_file)
        self._session: PromptSession[str] = PromptSession(
            history=self._history,
            completer=completer,
            complete_while_typing=Condition(lambda: self._session.default_buffer.text.startswith("/")),
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation=lambda width, line, soft: " " * width,
            enable_open_in_editor=True,
            reserve_space_for_menu=6,
        )
        self._questions: PromptSession[str] = PromptSession()
        self.typed: Callable[[str | None], None] = lambda text: None
        """hears what stands at the prompt after each key, and None when it is entered or left"""
        self._session.default_buffer.on_text_changed += lambda buffer: self.typed(buffer.text)

    @property
    def remember(self) -> bool:
        return self._history.is_kept

    @remember.setter
    def remember(self, remember: bool) -> None:
        self._history.is_kept = remember

    async def read(self, prompt: str, draft: str) -> str:
        message = FormattedText([(self._style, visible_line(prompt))])
        default = Document(draft, len(draft))
        try:
            return await self._session.prompt_async(message, default=default)
        except EOFError:
            raise Leave from None
        finally:
            self.typed(None)

    async def confirm(self, question: str) -> bool:
        try:
            answer = await self._questions.prompt_async(f"{visible_line(question)} [y/N] ")
        except (EOFError, KeyboardInterrupt):
            return False
        return answer.strip().lower() in ("y", "yes", "是")


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    @keys.add("c-j")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.complete_state = None
        elif is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def _clear(event: KeyPressEvent) -> None:
        event.app.exit(exception=Cleared(had_text=bool(event.current_buffer.text)))

    return keys


class PrivateHistory(FileHistory):
    """What was entered, in a file that only its owner can read. A full disk costs the history only."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.is_kept = True
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            path.chmod(0o600)

    def load_history_strings(self) -> Iterable[str]:
        with suppress(OSError):
            return list(super().load_history_strings())
        return ()

    def store_string(self, string: str) -> None:
        if self.is_kept:
            with suppress(OSError):
                super().store_string(string)


class Lines:
    """Messages and commands from a pipe or a file, one on each line, or in three quotation marks."""

    remember = False

    def __init__(self, source: BinaryIO, *, yes: bool = False) -> None:
        self._source = source
        self._number = 0
        self._yes = yes

    async def read(self, prompt: str, draft: str) -> str:
        text = self._line()
        while is_open(text):
            text += self._line(unclosed=True)
        return text.removesuffix("\n").removesuffix("\r")

    async def confirm(self, question: str) -> bool:
        return self._yes

    def _line(self, *, unclosed: bool = False) -> str:
        # Nothing else goes on while a line is waited for, so the wait may block; Ctrl-C must end it.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            line = self._source.readline()
        finally:
            signal.signal(signal.SIGINT, before)
        self._number += 1
        if not line and unclosed:
            raise BadRequest(
                _("the text ends before the three quotation marks are closed"),
                hint=_("close them: {example}", example=QUOTES),
            )
        if not line:
            raise Leave
        try:
            return line.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise BadRequest(
                _("line {line} is not UTF-8 at byte {byte}", line=self._number, byte=error.start + 1),
                hint=_("convert it first, for example with: {example}", example="iconv -t utf-8"),
            ) from None


def standard_input(*, yes: bool) -> Lines:
    return Lines(sys.stdin.buffer, yes=yes)
