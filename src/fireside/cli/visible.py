"""Control characters made visible: what others wrote never steers the terminal.

Model text, titles, names and file names may carry escape sequences (OSC 8 links, OSC 52 clipboard
writes, cursor movements) and direction overrides that reorder what is read. They are shown as
signs of their own instead.
"""

from __future__ import annotations

_KEPT = "\n\t"
_DELETE = 0x7F
_PICTURES = 0x2400
"""The block "Control Pictures" (Unicode chapter 22.8): U+2400 + n pictures control character n."""

_OVERRIDES = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Direction embeddings, overrides and isolates (Unicode Annex 9); marks (U+200E, U+200F) stay."""

_TABLE: dict[int, str] = {
    **{code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in _KEPT},
    _DELETE: "␡",
    **{code: f"<U+{code:04X}>" for code in range(0x80, 0xA0)},
    **{code: f"<U+{code:04X}>" for code in _OVERRIDES},
    **dict.fromkeys(range(0xD800, 0xE000), "�"),
}


def visible(text: str) -> str:
    """Return `text` with every control character but newline and tab as a printable sign.

    >>> visible("a" + chr(27) + "[31mb" + chr(13))
    'a␛[31mb␍'
    """
    return text.translate(_TABLE)


def visible_line(text: str) -> str:
    """Return `text` as one line: newlines and tabs become spaces too.

    >>> visible_line("one\\ntwo")
    'one two'
    """
    return visible(text.replace("\n", " ").replace("\t", " "))
