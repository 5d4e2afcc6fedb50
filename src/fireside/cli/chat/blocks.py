"""Cuts Markdown that is still growing into blocks: the finished ones and the one that is open.

A finished block never changes again, whatever follows, so it is drawn once and for all. Pure: the same
text gives the same blocks, however it arrives in pieces, and the blocks joined are the text.
Follows CommonMark 0.31 as far as needed to know where a block ends: fences (4.5), ATX headings (4.2),
lists (5.3), blank lines (4.9). Where in doubt, two blocks stay one.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(?:[-+*]|\d{1,9}[.)])?[ \t]*(?P<mark>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_HEADING = re.compile(r" {0,3}#{1,6}(\s|$)")
_ITEM = re.compile(r" {0,3}([-+*]|\d{1,9}[.)])(\s|$)")
_INTERRUPTING_ITEM = re.compile(r" {0,3}([-+*]|1[.)])\s+\S")
_INDENTED = re.compile(r"( {2,}|\t)\S")


class Blocks:
    """Collects a text as it arrives.

    >>> blocks = Blocks()
    >>> blocks.feed("One.\\n\\nTw")
    ['One.\\n\\n']
    >>> blocks.open
    'Tw'
    >>> blocks.close()
    ['Tw']
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._rest = ""
        self._fence = ""
        self._in_list = False
        self._after_blank = False

    @property
    def open(self) -> str:
        """What belongs to no finished block yet."""
        return "".join(self._lines) + self._rest

    def feed(self, piece: str) -> list[str]:
        """Take what is new and return the blocks that it finished, in order."""
        self._rest += piece
        finished: list[str] = []
        *lines, self._rest = self._rest.split("\n")
        for line in lines:
            finished += self._take(line + "\n")
        return finished

    def close(self) -> list[str]:
        """End the text and return what was open, if anything."""
        last = self.open
        self._rest = self._fence = ""
        self._cut()
        return [last] if last else []

    def _take(self, line: str) -> list[str]:
        if self._fence:
            return self._inside_fence(line)
        if not line.strip():
            return self._blank(line)
        finished = self._cut() if self._begins_block(line) else []
        self._after_blank = False
        if not self._lines or _INTERRUPTING_ITEM.match(line):
            self._in_list = self._in_list or bool(_ITEM.match(line))
        self._lines.append(line)
        if opening := _FENCE.match(line):
            self._fence = opening["mark"]
        elif _HEADING.match(line) and not self._in_list:
            finished += self._cut()
        return finished

    def _begins_block(self, line: str) -> bool:
        if not self._lines:
            return False
        if self._in_list:
            goes_on = _ITEM.match(line) or _INDENTED.match(line)
            interrupts = self._after_blank or _HEADING.match(line) or _fence_at_margin(line)
            return bool(interrupts) and not goes_on
        return bool(_HEADING.match(line) or _fence_at_margin(line) or _INTERRUPTING_ITEM.match(line))

    def _inside_fence(self, line: str) -> list[str]:
        self._lines.append(line)
        mark = line.strip()
        if len(mark) >= len(self._fence) and set(mark) == {self._fence[0]}:
            self._fence = ""
            if not self._in_list:
                return self._cut()
        return []

    def _blank(self, line: str) -> list[str]:
        self._lines.append(line)
        self._after_blank = True
        return [] if self._in_list else self._cut()

    def _cut(self) -> list[str]:
        block = "".join(self._lines)
        self._lines = []
        self._in_list = self._after_blank = False
        return [block]


def _fence_at_margin(line: str) -> bool:
    return line.lstrip(" ").startswith(("```", "~~~")) and bool(_FENCE.match(line))


def end_of(block: str, lines: int) -> str:
    """Return what of an open block is enough to draw its last `lines` lines: of code, only its end.

    >>> end_of("```py\\na\\nb\\nc\\n", 2)
    '```py\\nb\\nc\\n'
    """
    first, *rest = block.splitlines(keepends=True) or [""]
    return first + "".join(rest[-lines:]) if _fence_at_margin(first.rstrip("\n")) else block


def begins_with_words(text: str) -> bool:
    """Return whether the first line is plain words, so that a name can stand before it.

    >>> begins_with_words("It is 5."), begins_with_words("- five"), begins_with_words("```py")
    (True, False, False)
    """
    line = text.lstrip("\n").split("\n", 1)[0]
    markup = _FENCE.match(line) or _HEADING.match(line) or _ITEM.match(line)
    return bool(line.strip()) and not markup and not line.lstrip(" ").startswith((">", "|", "\t"))


def are_tight(above: str, below: str) -> bool:
    """Return whether two blocks stand together without an empty line: as written, around headings and lists.

    >>> are_tight("Three:\\n", "- one\\n"), are_tight("Look:\\n", "```\\nx\\n```\\n")
    (True, False)
    """
    if not above.endswith("\n") or above.endswith("\n\n"):
        return False
    return bool(_HEADING.match(above) or _ITEM.match(below))
