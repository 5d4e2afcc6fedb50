"""Reads what a model's README.md says at its top: licence, languages, what it was made from.

Model cards begin with YAML between two lines of `---`. Only its plainest forms are understood, a text or a
list of texts for a name; what is written otherwise isn't there. Keys: the hub's docs/hub/model-cards.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 64 << 10
MAX_ITEMS = 200
_ENTRY = re.compile(r"([A-Za-z_][\w-]*):(?:\s+(.*))?")


def read_front_matter(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the texts for each name; nothing where there is no such file. May raise OSError."""
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        return parse_front_matter(file.read(MAX_BYTES).decode("utf-8", "replace"))


def parse_front_matter(text: str) -> dict[str, tuple[str, ...]]:
    """Return the texts for each name of the block at the beginning of `text`.

    >>> parse_front_matter("---\\nlicense: mit # free\\nlanguage:\\n- en\\n- 'zh'\\ntags: [a, b]\\n---\\n")
    {'license': ('mit',), 'language': ('en', 'zh'), 'tags': ('a', 'b')}
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    return parse_plain(itertools.takewhile(lambda line: line.strip() != "---", lines[1:]))


def parse_plain(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the texts for each name that lines of plain YAML give.

    >>> parse_plain(["name: a/b # ours", "size: 3", "deeper:", "  x: 1"])
    {'name': ('a/b',), 'size': ('3',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in lines:
        item = line.strip()
        if item.startswith("- ") and name:
            found[name] = (*found[name], _plain(item[2:]))[:MAX_ITEMS]
        elif entry := _ENTRY.fullmatch(line):
            name = entry[1]
            found[name] = _values(entry[2] or "")
        elif item:
            name = ""  # something deeper, which isn't for us
    return {key: tuple(filter(None, values)) for key, values in found.items() if any(values)}


def _values(text: str) -> tuple[str, ...]:
    text = _plain(text)
    if text.startswith("[") and text.endswith("]"):
        return tuple(_plain(part) for part in text[1:-1].split(",")[:MAX_ITEMS])
    return (text,) if text else ()


def _plain(text: str) -> str:
    """Return a scalar without its quotes or the comment behind it."""
    text = text.strip()
    if text[:1] in ("'", '"'):
        return text[1:].partition(text[0])[0]
    return re.split(r"\s#|^#", text, maxsplit=1)[0].strip()
