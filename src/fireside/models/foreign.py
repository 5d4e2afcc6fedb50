"""What every reader of foreign model files needs: one error, and texts and tables that do no harm."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

MAX_SHOWN = 120
MAX_WHOLE = 1 << 40
"""beyond any count or size that a model could mean"""


class Damaged(Exception):
    """Why files are no sound model."""

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


def shown(text: str | None, longest: int = MAX_SHOWN) -> str | None:
    """Return a foreign text as one short line without control characters, or None for none.

    >>> shown("Nice\\x1b[2J  model\\n")
    'Nice [2J model'
    """
    printable = "".join(character if character.isprintable() else " " for character in (text or ""))
    return " ".join(printable.split())[:longest] or None


def real(path: Path) -> Path:
    """Return where a path leads, links followed; one that leads in a circle stays as it is."""
    return Path(os.path.realpath(path))


class Table:
    """A JSON object that anybody may have written: what isn't of the kind asked for isn't there."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def text(self, *keys: str) -> str | None:
        """Return the first of these that is a text."""
        return next((value for value in map(self.values.get, keys) if isinstance(value, str)), None)

    def whole(self, *keys: str) -> int | None:
        """Return the first of these that is a positive whole number of a size that makes sense."""
        for value in map(self.values.get, keys):
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_WHOLE:
                return value
        return None

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        return float(value) if abs(value) < MAX_WHOLE else None

    def flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        return value if isinstance(value, bool) else None

    def table(self, key: str) -> Table:
        """Return the object called so; an empty one where there is none."""
        value = self.values.get(key)
        return Table(value if isinstance(value, dict) else {})

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the texts of a list; a single text counts as a list of one."""
        value = self.values.get(key)
        listed = value if isinstance(value, list) else [value]
        return tuple(item for item in listed if isinstance(item, str))


def read_table(path: Path, limit_bytes: int) -> Table:
    """Return the JSON object that the regular file at `path` holds.

    Damaged for anything else: another kind of file, one over `limit_bytes`, names given twice (readers
    differ on which counts), numbers that are none, nesting without end. May raise OSError.
    """
    if not path.is_file():
        raise Damaged(f"{path.name} is no regular file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise Damaged(f"{path.name} is longer than {limit_bytes:,} bytes")
        return parse_table(file.read(size), path.name)


def parse_table(data: bytes, what: str) -> Table:
    """Return the JSON object that `data` writes; Damaged names `what` it should have been."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # of UTF-8, of JSON, of an endless number, and our own
        raise Damaged(f"{what} is no sound JSON: {shown(str(error))}") from error
    if not isinstance(value, dict):
        raise Damaged(f"{what} holds no JSON object")
    return Table(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is given twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
