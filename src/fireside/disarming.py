"""Control tokens in what people say, which would forge a turn: made plain text again."""

from __future__ import annotations

JOINER = "\u2060"
"""word joiner: has no width, and stands in no control token"""


def broken_up(token: str) -> str:
    """Return the text of a control token so that no tokenizer takes it for one; it looks the same.

    >>> broken_up("<|im_end|>") == "<" + JOINER + "|im_end|>"
    True
    """
    return token[0] + JOINER + token[1:]
