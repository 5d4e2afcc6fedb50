"""What stands on a terminal in the end, and what is drawn on the way, read by a small terminal."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from fireside.cli.chat.blocks import Blocks
from fireside.cli.chat.drawing import OpenPart
from fireside.cli.chat.render import DrawnReply, rendered
from fireside.cli.chat.screen import Screen
from fireside.cli.chat.waiting import Waiting
from fireside.events import Progress
from scripted_client import Terminal

_TOKEN = re.compile(r"\x1b\[(\?)?([\d;]*)([A-Za-z])|\x1b.|[^\x1b]", re.DOTALL)

TEXT = """Sure: **bold** and `code`, 炉边谈话 and 😀, שלום.

# Heading

- one item that is long enough to be wrapped on any narrow terminal
- two

  1. deep

```python
def f(x: int) -> int:
    return x
```

| a | b |
|---|---|
| 1 | two words |

> quoted [link](https://example.org) <b>kept</b>

The end."""


class Emulator(Terminal):
    """The control sequences that are used, on a screen of a given size; what scrolls off is remembered."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.history: list[str] = []
        self.lines = [""]
        self.row = 0
        self.column = 0
        self.wraps = True

    def write(self, text: str) -> int:
        for found in _TOKEN.finditer(text):
            self._obey(found)
        return len(text)

    def _obey(self, found: re.Match[str]) -> None:
        private, number, letter = found.groups()
        match letter, found[0]:
            case "A", _:
                self.row -= int(number or 1)
                assert self.row >= 0, "above the top of the screen"
            case "K", _:
                self._cut(self.row)
            case "J", _:
                self._cut(self.row)
                del self.lines[self.row + 1 :]
            case (("h" | "l"), _) if private and number == "7":
                self.wraps = letter == "h"
            case str(), _:
                pass
            case _, "\r":
                self.column = 0
            case _, "\n":
                self._down()
                self.column = 0
            case _, sign:
                self._put(sign)

    def _cut(self, row: int) -> None:
        kept = self.lines[row]
        while cell_len(kept) > self.column:
            kept = kept[:-1]
        self.lines[row] = kept

    def _put(self, sign: str) -> None:
        if self.column + cell_len(sign) > self.width:
            assert self.wraps, "wider than the screen"
            self._down()
            self.column = 0
        line = self.lines[self.row]
        assert self.column == cell_len(line), "drawn over what stands there"
        self.lines[self.row] = line + sign
        self.column += cell_len(sign)

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")
        if len(self.lines) > self.height:
            self.history.append(self.lines.pop(0))
            self.row -= 1

    @property
    def everything(self) -> list[str]:
        return [line.rstrip() for line in (*self.history, *self.lines)]


def screen_of(emulator: Emulator) -> Screen:
    screen = Screen(draws=True, out=emulator, err=emulator)
    screen.console.width, screen.console.height = emulator.width, emulator.height
    return screen


def plain(lines: list[str]) -> list[str]:
    return [Text.from_ansi(line).plain.rstrip() for line in lines]


def drawn(text: str, sizes: list[int], width: int, height: int) -> list[str]:
    async def draw() -> list[str]:
        emulator = Emulator(width, height)
        reply, at = DrawnReply(screen_of(emulator), None), 0
        for size in sizes:
            reply.feed(text[at : at + size])
            reply._draw()  # every state, not ten of them a second
            at += size
        reply.feed(text[at:])
        reply.close()
        return emulator.everything

    return asyncio.run(draw())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=40), st.integers(20, 90), st.integers(4, 30))
def test_in_the_end_the_same_stands_there_whatever_was_drawn_on_the_way(
    sizes: list[int], width: int, height: int
) -> None:
    assert drawn(TEXT, sizes, width, height) == drawn(TEXT, [], width, 500)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab 火😀-*_`#>|[]()<>\n1.~:\\"), max_size=120), st.lists(st.integers(1, 20)))
def test_no_markup_breaks_the_drawing(text: str, sizes: list[int]) -> None:
    assert drawn(text, sizes, 24, 6) == drawn(text, [], 24, 500)


def test_of_long_code_that_still_grows_the_end_is_shown_and_then_the_whole() -> None:
    code = "```python\n" + "".join(f"x = {number}\n" for number in range(60)) + "```\n"
    assert drawn(code, [7] * 60, 40, 10) == [*(f"x = {number}" for number in range(60)), ""]


def test_code_without_a_fence_keeps_its_indentation() -> None:
    text = "def twice(x):\n    return 2 * x\n\ty\n\n- one\n  and more"
    lines = plain(rendered(screen_of(Emulator(40, 24)), text))
    assert lines[:3] == ["def twice(x):", "    return 2 * x", "    y"]
    assert lines[-1] == "   and more"


@pytest.mark.parametrize("width", [20, 30, 80])
def test_no_word_of_a_model_is_swallowed(width: int) -> None:
    screen = screen_of(Emulator(width, 24))
    shown = "".join("".join(plain(rendered(screen, block))) for block in [*Blocks().feed(TEXT), TEXT])
    squeezed = re.sub(r"\s|[•▌]", "", shown)
    for word in re.findall(r"\w+|<b>|https://example\.org", TEXT.replace("```python", "")):
        assert word in squeezed


@pytest.mark.parametrize("width", [20, 33, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = TEXT + "\n\n" + "炉" * 100 + "\n\n```\n" + "x" * 200 + "\n```\n"
    screen = screen_of(Emulator(width, 24))
    assert max(cell_len(line) for line in plain(rendered(screen, wide))) <= width


def test_only_changed_lines_are_drawn_again() -> None:
    emulator = Emulator(80, 24)
    part = OpenPart(screen_of(emulator))
    written: list[str] = []
    part._screen.write = written.append  # type: ignore[assignment,method-assign]
    part.draw(["one", "two"])
    part.draw(["one", "two!"])
    part.draw(["one", "two!"])
    assert len(written) == 2
    assert "one" not in written[1]


def test_an_open_block_is_never_higher_than_the_screen() -> None:
    emulator = Emulator(40, 10)
    part = OpenPart(screen_of(emulator))
    for count in range(30):
        part.draw([str(number) for number in range(count)])
    assert emulator.lines == [str(number) for number in range(20, 29)]
    part.replace("done\n")
    assert emulator.everything == ["done", ""]


def test_what_is_waited_for_disappears_again() -> None:
    emulator = Emulator(60, 5)
    times = iter([0.0, 0.0, 1.0, 1.0])
    with Waiting(screen_of(emulator), clock=lambda: next(times)) as waiting:
        waiting.show(Progress("fetching", 10e6, 98e6, "bytes"))
        waiting.show(Progress("fetching", 54e6, 98e6, "bytes"))
        assert emulator.everything == ["fetching the model: 54.0 MB / 98.0 MB (55%) · 44.0 MB/s · 0…"]
    assert emulator.everything == [""]
