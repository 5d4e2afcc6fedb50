"""Titles of conversations: made from the first message, without a model."""

from __future__ import annotations

import re

_LONGEST = 60
_LONGEST_GIVEN = 200
# Control and format characters (bidirectional overrides among them) have no business in one line.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+"
)


def title_of(text: str) -> str:
    """Return the first line of `text` that says something, at most 60 characters, cut between words.

    >>> title_of("  \\n Why is the sky blue?\\nAnd the sea?")
    'Why is the sky blue?'
    """
    line = next((clean for line in text.lstrip()[:2000].splitlines() if (clean := one_line(line))), "")
    if len(line) <= _LONGEST:
        return line
    head, space, _ = line[:_LONGEST].rpartition(" ")
    # A text without spaces (Chinese, an address) is cut where it is.
    kept = head if space and len(head) >= _LONGEST // 2 else line[: _LONGEST - 1]
    return kept.rstrip(" ,;:.") + "…"


def one_line(title: str) -> str:
    """Return a person's own title as one line without control characters, at most 200 characters.

    >>> one_line("Trains\\x1b[2J and\\tplanes ")
    'Trains [2J and planes'
    """
    return " ".join(_INVISIBLE.sub(" ", title[: 2 * _LONGEST_GIVEN]).split())[:_LONGEST_GIVEN]
