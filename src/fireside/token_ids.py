"""Sequences of token ids as bytes: small, and compared a thousand times faster than numbers."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

WIDTH = array("i").itemsize


def packed(ids: Sequence[int]) -> bytes:
    """Return `ids` as llama.cpp keeps them: four bytes each, in the machine's own order."""
    return array("i", ids).tobytes()


def unpacked(ids: bytes) -> list[int]:
    return array("i", ids).tolist()


def count(ids: bytes) -> int:
    """Return how many ids these are."""
    return len(ids) // WIDTH


def shared(one: bytes, other: bytes) -> int:
    """Return how many ids both begin with.

    >>> shared(packed([1, 2, 3]), packed([1, 2, 9, 9]))
    2
    """
    low, high = 0, count(min(one, other, key=len))
    while low < high:
        middle = (low + high + 1) // 2
        if one[: middle * WIDTH] == other[: middle * WIDTH]:
            low = middle
        else:
            high = middle - 1
    return low
