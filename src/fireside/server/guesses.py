"""Wrong keys, counted by the address they come from, so that nobody can go on trying."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

TRIES = 10.0
"""Wrong keys that an address may send before it has to wait."""
REGAINED_S = 6.0
"""After this time one try is regained."""
ADDRESSES = 4096

K = TypeVar("K")
V = TypeVar("V")


class Guesses:
    """Who tried wrong keys lately, and who showed a right one.

    An address that has tried too often waits: even a right key isn't told from a wrong one there, or the
    waiting would be worth nothing. What was right from that address before goes on to work, so that one
    misconfigured program on a machine doesn't lock out the others. Memory is bounded: the addresses
    that were quiet for longest are forgotten.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tried: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return how long this address has to wait; 0 when it may try."""
        return max(0.0, (self._debt(neighbourhood(address)) - TRIES + 1) * REGAINED_S)

    def wrong(self, address: str, cost: float = 1.0) -> None:
        """Count a wrong key."""
        place = neighbourhood(address)
        self._tried[place] = (min(self._debt(place) + cost, TRIES), self._clock())
        _bound(self._tried, place)

    def right(self, address: str, who: str) -> None:
        """Remember that this one got in from there."""
        place = (neighbourhood(address), who)
        self._right[place] = None
        _bound(self._right, place)

    def was_right(self, address: str, who: str) -> bool:
        return (neighbourhood(address), who) in self._right

    def _debt(self, place: str) -> float:
        debt, since = self._tried.get(place, (0.0, 0.0))
        return max(0.0, debt - (self._clock() - since) / REGAINED_S)


def neighbourhood(address: str) -> str:
    """Return what counts as one address: in IPv6 everybody has a whole /64 to try from.

    >>> neighbourhood("192.0.2.7"), neighbourhood("2001:db8:1:2:3::4"), neighbourhood("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8:1:2::', '192.0.2.7')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False).network_address)


def _bound(table: OrderedDict[K, V], newest: K) -> None:
    table.move_to_end(newest)
    while len(table) > ADDRESSES:
        table.popitem(last=False)
