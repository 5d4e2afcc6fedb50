"""How long to keep a model loaded, as Ollama's clients say it: seconds, or Go's duration text."""

from __future__ import annotations

import re

from fireside.errors import BadRequest

LONGEST_S = 10 * 365 * 86_400.0
"""what "for ever" means: a negative duration asks for it"""
LONGEST_TEXT = 100
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def keep_s(said: float | str) -> float:
    """Return the seconds that `keep_alive` means; BadRequest for what is no duration.

    >>> keep_s("1h30m"), keep_s("0"), keep_s(300), keep_s("1.5s")
    (5400.0, 0.0, 300.0, 1.5)
    >>> keep_s(-1) == keep_s("-1s") == LONGEST_S
    True
    """
    seconds = said if isinstance(said, int | float) else _seconds(said)
    return LONGEST_S if seconds < 0 else min(float(seconds), LONGEST_S)


def _seconds(text: str) -> float:
    """Return what Go's `time.ParseDuration` makes of `text`."""
    bare = text.strip()[:LONGEST_TEXT].removeprefix("+")
    sign = -1.0 if bare.startswith("-") else 1.0
    bare = bare.removeprefix("-")
    if bare == "0":
        return 0.0
    parts = _PART.findall(bare)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        raise BadRequest(
            f"keep_alive: {text[:LONGEST_TEXT]!r} is no duration",
            hint='write seconds as a number, or like "5m", "1h30m", "-1s" (for ever)',
            param="keep_alive",
        )
    return sign * sum(float(number) * UNITS_S[unit] for number, unit in parts)
