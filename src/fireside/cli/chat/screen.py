"""What stands on the terminal: quiet lines, errors, and whether it can be drawn on at all.

Everything from outside is made visible here, before rich sees it, and markup in it means nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TextIO

from fireside.cli.languages import _, explained
from fireside.cli.visible import visible, visible_line
from fireside.errors import FiresideError

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {
    "markdown.code": "bold cyan",
    "markdown.item.number": "default",
    "markdown.item.bullet": "default",
    "markdown.block_quote": "italic",
    "markdown.link": "default",
    "markdown.link_url": "underline",
    **{f"markdown.h{level}": "bold" for level in range(1, 7)},
}
"""Quiet on light and on dark terminals alike."""


def can_draw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether colours and cursor movements are welcome on `stream` (https://no-color.org)."""
    can_move = environ.get("TERM", "dumb" if os.name == "posix" else "") not in ("dumb", "unknown")
    return stream.isatty() and not environ.get("NO_COLOR") and can_move


class Screen:
    """Standard output and standard error, as far as a chat writes to them."""

    def __init__(
        self, *, draws: bool | None = None, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        from rich.console import Console
        from rich.theme import Theme

        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.draws = can_draw(self.out, os.environ) if draws is None else draws

        def console(file: TextIO, draws: bool) -> Console:
            # A terminal that isn't drawn on is one without colours; its width still counts.
            colours: Literal["auto"] | None = "auto" if draws else None
            theme = Theme(_STYLES)
            return Console(
                file=file, color_system=colours, highlight=False, markup=False, emoji=False, theme=theme
            )

        self.console = console(self.out, self.draws)
        self._errors = console(self.err, draws is not False and can_draw(self.err, os.environ))
        self._told: set[str] = set()

    def say(self, text: str = "", style: str | None = None) -> None:
        """Write lines of our own or of somebody else's; nothing in them is interpreted."""
        if self.draws:
            self.console.print(visible(text), style=style)
        else:
            self.write(visible(text) + "\n")

    def note(self, text: str) -> None:
        """Write what may be overlooked. When nobody reads along, it isn't written among the answers."""
        if self.out.isatty():
            self.say(text, "dim")

    def show(self, renderable: RenderableType) -> None:
        """Draw a table or a text whose contents were made visible before."""
        self.console.print(renderable)

    def warn_once(self, text: str) -> None:
        """Write loudly what a person must know, the first time."""
        if text not in self._told:
            self._told.add(text)
            self._errors.print("! " + visible_line(text), style="bold yellow")

    def error(self, error: FiresideError) -> None:
        """Write the message, then what to do."""
        self._errors.print(_("error: {message}", message=visible(explained(error))), style="red")
        if error.hint:
            self._errors.print(_("hint: {hint}", hint=visible(error.hint)), style="dim")

    def write(self, text: str) -> None:
        """Write `text` as it is, at once."""
        self.out.write(text)
        self.out.flush()

    @property
    def width(self) -> int:
        return self.console.width

    @property
    def height(self) -> int:
        return self.console.height
