"""What the plain commands print: lines, tables for people, and tab-separated lines or JSON for programs."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

from fireside.amounts import in_bytes
from fireside.cli.languages import _, explained
from fireside.cli.visible import visible, visible_line
from fireside.errors import ConfigError, FiresideError

if TYPE_CHECKING:
    from fireside.cards import ModelCard
    from fireside.cli.chat.waiting import Waiting

_NARROWEST = 8
_STEERING = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def say(text: str) -> None:
    """Print lines, with control characters made visible."""
    write(visible(text) + "\n")


def note(text: str) -> None:
    """Print lines on standard error: they are for a person, and no part of what a program reads."""
    sys.stderr.write(visible(text) + "\n")
    sys.stderr.flush()


def write(text: str) -> None:
    """Write `text` as it is, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def print_json(value: object) -> None:
    """Print one JSON document, indented where a person reads it.

    What JSON lets through and a terminal might obey is escaped, which means the same.
    """
    import msgspec

    encoded = msgspec.json.encode(value)
    if sys.stdout.isatty():
        encoded = msgspec.json.format(encoded, indent=2)
    text = _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", encoded.decode())
    write(text + "\n")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, grows: int | None = None) -> None:
    """Print rows under their titles; for a program one tab-separated line each, and no titles.

    `grows` is the column that is cut where the screen is too narrow. Without one nothing is cut: the first
    cells, which people copy, then have lines of their own, and the others stand beneath.
    """
    if not sys.stdout.isatty():
        for row in rows:
            write("\t".join(visible_line(cell) for cell in row) + "\n")
        return
    from fireside.cli.chat.waiting import fitting

    screen_width = shutil.get_terminal_size().columns
    lines = [[visible_line(cell) for cell in line] for line in (titles, *rows)]
    widths = _widths(lines)
    over = sum(widths) + 2 * (len(widths) - 1) - screen_width
    if over > 0 and grows is None:
        _print_stacked(lines[1:])
        return
    if over > 0 and grows is not None:
        widths[grows] = max(widths[grows] - over, _NARROWEST)
    for number, line in enumerate(lines):
        cells = [_filled(cell, width) for cell, width in zip(line, widths, strict=True)]
        text = fitting("  ".join(cells).rstrip(), screen_width)
        is_title = number == 0 and can_colour(sys.stdout)
        write(f"\x1b[1m{text}\x1b[0m\n" if is_title else f"{text}\n")


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(cell_len(cell) for cell in column) for column in zip(*lines, strict=True)]


def _print_stacked(lines: Sequence[Sequence[str]]) -> None:
    for first, *others in lines:
        write(f"\x1b[1m{first}\x1b[0m\n" if can_colour(sys.stdout) else f"{first}\n")
        write("  " + " · ".join(filter(None, others)) + "\n")


def _filled(cell: str, width: int) -> str:
    from rich.cells import cell_len

    from fireside.cli.chat.waiting import fitting

    shown = fitting(cell, width)
    return shown + " " * (width - cell_len(shown))


def print_fields(fields: Sequence[tuple[str, str | None]]) -> None:
    """Print names and values below each other; those without a value are left out."""
    from rich.cells import cell_len

    shown = [(name, value) for name, value in fields if value]
    widest = max((cell_len(name) for name, _value in shown), default=0)
    for name, value in shown:
        say(name + " " * (widest - cell_len(name) + 2) + visible_line(value))


def waiting() -> Waiting:
    """Return the line on standard error that tells what is waited for; nothing without a terminal."""
    from fireside.cli.chat.screen import Screen
    from fireside.cli.chat.waiting import Waiting

    return Waiting(Screen(out=sys.stderr, err=sys.stderr))


def tell_error(error: FiresideError) -> None:
    """Print the error's message and hint on standard error; for a program, each as it is."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    if sys.stderr.isatty():
        from fireside.cli.chat.screen import Screen

        Screen(out=sys.stderr, err=sys.stderr).error(error)
        return
    lines = [_("error: {message}", message=visible(explained(error)))]
    if error.hint:
        lines.append(_("hint: {hint}", hint=visible(error.hint)))
    sys.stderr.write("\n".join([*lines, ""]))


def introduce(card: ModelCard, fit: str | None) -> None:
    """Say on standard error what is about to be fetched, and how it will run here."""
    from fireside.cli.chat.waiting import introduced

    sys.stderr.write(visible_line(_("fetching {model}", model=introduced(card))) + "\n")
    if card.terms:
        sys.stderr.write(visible_line(_("its terms: {terms}", terms=card.terms)) + "\n")
    if fit:
        sys.stderr.write(visible_line(_("on this machine: {fit}", fit=fit)) + "\n")
    sys.stderr.flush()


def size(size_bytes: int | None) -> str:
    """Return a size for a person; nothing for one that is unknown."""
    return "" if size_bytes is None else in_bytes(size_bytes)


def moment(milliseconds: int) -> str:
    """Return a time as the clocks here show it."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def can_colour(stream: TextIO) -> bool:
    """Return whether bold and colours are welcome on `stream` (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def receiving(path: Path | None) -> Iterator[IO[bytes]]:
    """Give a file to write into: standard output, or `path`, which is there only once all is written."""
    if path is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(prefix=".fireside-", dir=path.absolute().parent)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint=_("choose another place")) from error
    part = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            yield file
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint=_("choose another place")) from error
    finally:
        part.unlink(missing_ok=True)
