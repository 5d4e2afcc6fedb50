"""Warm or cold in plain words: what of a conversation was read already, and the wait that is expected."""

from __future__ import annotations

from fireside.cli.languages import _
from fireside.conversations import Warmth


def short(warmth: Warmth | None) -> str:
    """Return a word or two for a list; nothing where it isn't known.

    >>> short(Warmth("saved", 90, 100, 420.0))
    'saved, ~0.4 s'
    """
    if warmth is None:
        return ""
    word = {"warm": _("warm"), "saved": _("saved"), "cold": _("cold")}[warmth.state]
    wait = _seconds(warmth.expected_first_token_ms)
    return f"{word}, {wait}" if wait else word


def lines(warmth: Warmth | None) -> list[str]:
    """Return the sentences that tell it."""
    if warmth is None:
        return []
    cached, tokens = f"{warmth.cached_tokens:,}", f"{warmth.prompt_tokens:,}"
    told = {
        "warm": _("the model still has {cached} of {tokens} tokens in mind", cached=cached, tokens=tokens),
        "saved": _("{cached} of {tokens} tokens are saved on disk", cached=cached, tokens=tokens),
        "cold": _("all {tokens} tokens are to be read anew", tokens=tokens),
    }[warmth.state]
    wait = _seconds(warmth.expected_first_token_ms)
    return [told, *([_("the next reply begins after {wait}", wait=wait)] if wait else [])]


def _seconds(milliseconds: float | None) -> str:
    """
    >>> _seconds(40.0), _seconds(15_400.0), _seconds(None)
    ('~0.1 s', '~15 s', '')
    """
    if milliseconds is None:
        return ""
    seconds = max(0.1, milliseconds / 1000)
    return f"~{seconds:.1f} s" if seconds < 10 else f"~{seconds:.0f} s"
