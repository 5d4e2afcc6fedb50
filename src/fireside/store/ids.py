"""UUIDv7 ids (RFC 9562, section 5.7) that only ever grow, whatever the clock does."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_RANDOM_BITS = 74


def now_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Ids:
    """Makes ids, each greater than the one before, also within a millisecond.

    RFC 9562, section 6.2, method 2: the random part counts up where the clock stands still or
    jumps back. After a restart `follow` goes on from the greatest id that was ever stored.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def new(self) -> str:
        with self._lock:
            fresh = now_ms() << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
            self._last = max(fresh, self._last + 1 + secrets.randbits(32))
            return _to_text(self._last)

    def follow(self, stored: str | None) -> None:
        """Make every id from now on greater than `stored`."""
        with self._lock:
            self._last = max(self._last, _from_text(stored) if stored else 0)


def _to_text(value: int) -> str:
    high, middle, low = value >> 74, value >> 62 & 0xFFF, value & (1 << 62) - 1
    return str(uuid.UUID(int=high << 80 | 0x7 << 76 | middle << 64 | 0b10 << 62 | low))


def _from_text(text: str) -> int:
    value = uuid.UUID(text).int
    return (value >> 80) << 74 | (value >> 64 & 0xFFF) << 62 | value & (1 << 62) - 1
