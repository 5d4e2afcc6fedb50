"""Amounts of bytes, as people read them."""

from __future__ import annotations


def in_bytes(size_bytes: float) -> str:
    """
    >>> in_bytes(2_500_000_000), in_bytes(98_362_432), in_bytes(1_200), in_bytes(7)
    ('2.5 GB', '98.4 MB', '1.2 kB', '7 B')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{size_bytes:.0f} B"
