"""A reply as it grows: finished blocks are printed for good, only the open one is drawn again."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Protocol

from fireside.cli.chat.blocks import Blocks, are_tight, begins_with_words, end_of
from fireside.cli.chat.screen import Screen
from fireside.cli.visible import visible

_DRAWS_PER_S = 10
_SHARE = 0.2
"""Drawing may take this share of the time, however long a block gets."""
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+.!<>|~-])")
_TRAILING_BLANKS = re.compile(r" +((?:\x1b\[0m)?)$")


class ReplyView(Protocol):
    """What shows one reply. `feed` takes what is new, `close` ends it on a line of its own."""

    def feed(self, text: str) -> None: ...

    def close(self) -> None: ...


def view_for(screen: Screen, name: str | None) -> ReplyView:
    """Return the view that fits the terminal; `name` stands before the reply."""
    return DrawnReply(screen, name) if screen.draws else PlainReply(screen, name)


class PlainReply:
    """The words as they come, for pipes and for terminals that can't be drawn on."""

    def __init__(self, screen: Screen, name: str | None) -> None:
        self._screen = screen
        self._before = f"{visible(name)}: " if name else ""
        self._ends_line = False

    def feed(self, text: str) -> None:
        shown = visible(text)
        self._screen.write(self._before + shown)
        self._before = ""
        self._ends_line = shown.endswith("\n")

    def close(self) -> None:
        if not self._ends_line:
            self._screen.write("\n")


class DrawnReply:
    """Markdown. Drawn at most ten times a second, and less often when a block takes long to draw."""

    def __init__(self, screen: Screen, name: str | None) -> None:
        from fireside.cli.chat.drawing import OpenPart

        self._screen = screen
        self._part = OpenPart(screen)
        self._blocks = Blocks()
        self._finished: list[str] = []
        self._name = name
        self._above = ""
        self._next_draw_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, text: str) -> None:
        self._finished += self._blocks.feed(visible(text))
        wait_s = self._next_draw_s - time.monotonic()
        if wait_s <= 0:
            self._draw()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._draw)

    def close(self) -> None:
        self._finished += self._blocks.close()
        self._draw()

    def _draw(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        begun_s = time.monotonic()
        self._print_finished()
        shown = end_of(self._blocks.open, self._screen.height)
        self._part.draw(self._with_gap(shown, self._lines(shown)))
        now_s = time.monotonic()
        self._next_draw_s = now_s + max(1 / _DRAWS_PER_S, (now_s - begun_s) / _SHARE)

    def _print_finished(self) -> None:
        printed: list[str] = []
        for block in self._finished:
            if lines := self._lines(block):
                printed += self._with_gap(block, lines)
                self._name = None
                self._above = block
        self._finished = []
        if printed:
            self._part.replace("".join(line + "\n" for line in printed))

    def _with_gap(self, block: str, lines: list[str]) -> list[str]:
        return ["", *lines] if lines and self._above and not are_tight(self._above, block) else lines

    def _lines(self, block: str) -> list[str]:
        if not block.strip():
            return []
        return rendered(self._screen, _named(self._name, block) if self._name else block)


def rendered(screen: Screen, text: str) -> list[str]:
    """Return the lines, with colours, that `text` (made visible before) takes as Markdown."""
    from fireside.cli.chat.markdown import TerminalMarkdown

    with screen.console.capture() as capture:
        screen.console.print(TerminalMarkdown(text))
    lines = [_TRAILING_BLANKS.sub(r"\1", line) for line in capture.get().split("\n")]
    while lines and not lines[-1]:
        del lines[-1]
    while lines and not lines[0]:
        del lines[0]
    return lines


def _named(name: str, block: str) -> str:
    """Put the name before the words, or above what isn't words.

    >>> _named("Bob", "It is 5.")
    '**Bob:** It is 5.'
    """
    escaped = _MARKUP.sub(r"\\\1", visible(name))
    bold = f"**{escaped}:**"
    return f"{bold} {block.lstrip()}" if begins_with_words(block) else f"{bold}\n\n{block}"
