"""How often engines crashed, and how long the next start waits for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import msgspec

LONG_LIFE_S = 60.0
"""Crashes further apart than this are not counted together."""
LONGEST_WAIT_S = 30.0


def backoff_s(crashes: int) -> float:
    """Return how long to wait before a start, after so many quick crashes in a row.

    >>> [backoff_s(crashes) for crashes in range(9)]
    [0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """
    return min(LONGEST_WAIT_S, 2.0 ** (crashes - 2)) if crashes > 1 else 0.0


class EngineCounts(msgspec.Struct, frozen=True):
    """How many engines were started, and how many crashed, since the server began."""

    starts: int
    crashes: int


class Crashes:
    """The crashes of every model's engines; `total` counts all of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._in_a_row: dict[Hashable, tuple[int, float]] = {}
        self.total = 0

    def count(self, key: Hashable) -> None:
        now = self._clock()
        count, last_at = self._in_a_row.get(key, (0, -LONG_LIFE_S))
        self._in_a_row[key] = (1 if now - last_at >= LONG_LIFE_S else count + 1, now)
        self.total += 1

    def wait_s(self, key: Hashable) -> float:
        """Return how long the next start of `key` has to wait."""
        count, last_at = self._in_a_row.get(key, (0, 0.0))
        return max(0.0, last_at + backoff_s(count) - self._clock()) if count else 0.0
