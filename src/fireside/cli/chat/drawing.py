"""A part at the bottom of the terminal that is drawn again and again, without flicker.

Only lines that changed are written, in one write, inside a synchronised update where the terminal knows
it (https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036). Never higher than the
screen: of more lines, the last ones are shown.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from fireside.cli.chat.screen import Screen

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"


class OpenPart:
    """What is drawn at the bottom now. The cursor stands at the end of its last line."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lines: list[str] = []
        self._width = 0

    def draw(self, lines: list[str]) -> None:
        """Replace what is shown by `lines` (with colours, none wider than the screen)."""
        lines = lines[-max(self._screen.height - 1, 1) :]
        same = _same_at_start(self._lines, lines) if self._width == self._screen.width else 0
        if same == len(lines) == len(self._lines):
            return
        # The last line that stays is written again, so that the cursor is on it.
        start = max(min(same, len(lines) - 1), 0)
        body = "\r\n".join(_ERASE_LINE + line for line in lines[start:])
        self._screen.write(f"{_BEGIN}{_NO_WRAP}{self._back_to(start)}{body}{_ERASE_BELOW}{_WRAP}{_END}")
        self._lines, self._width = lines, self._screen.width

    def replace(self, text: str) -> None:
        """Write `text` for good in the place of what is shown; what follows begins on a new line."""
        # A line is erased before it is written: behind a full one the cursor would erase its last sign.
        body = _ERASE_LINE + text.replace("\n", f"\n{_ERASE_LINE}")
        self._screen.write(f"{_BEGIN}{self._back_to(0)}{body}{_ERASE_BELOW}{_END}")
        self._lines = []

    def _back_to(self, line: int) -> str:
        below = self._lines[line:]
        if not below:
            # The next line doesn't exist yet: it begins under the last one.
            return "\r\n" if self._lines else "\r"
        rows = sum(self._rows(each) for each in below) - 1
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _rows(self, line: str) -> int:
        """How many rows a line takes up now; a narrower terminal has wrapped the wider ones."""
        if self._screen.width >= self._width:
            return 1
        return max(1, -(-cell_len(Text.from_ansi(line).plain) // self._screen.width))


def _same_at_start(before: list[str], after: list[str]) -> int:
    count = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        count += 1
    return count
