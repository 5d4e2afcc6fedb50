"""Which of several replicas is asked: pure code, with a clock.

A conversation goes to the same replica as before, which has read its beginning already. The ranking is
rendezvous hashing (Thaler and Ravishankar, 1998): when a replica goes, only its own conversations move, and
they come back with it. Loads are bounded as in "Consistent Hashing with Bounded Loads" (Mirrokni, Thorup and
Zadimoghaddam, 2016): what is too much for one flows over to the next in the same ranking.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

ROOM = 4
"""requests that any replica takes at once before others are looked at"""
MOST_OVER = 1.25
"""times its fair share is what a replica is given at most"""
FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0


class _Replica:
    def __init__(self) -> None:
        self.users = 0
        self.failures = 0
        self.rests_until = -math.inf


class Replicas:
    """The replicas of one remote, how busy they are, and which are left out for a while.

    >>> replicas = Replicas(["a", "b", "c"])
    >>> first = replicas.choose("conversation 7")
    >>> replicas.failed(first)
    >>> second = replicas.choose("conversation 7")
    >>> second != first, second == replicas.choose("conversation 7")
    (True, True)
    >>> replicas.worked(first)
    >>> replicas.choose("conversation 7") == first
    True
    """

    def __init__(self, addresses: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = {address: _Replica() for address in addresses}
        self._clock = clock

    @property
    def count(self) -> int:
        return len(self._known)

    def choose(self, key: str, without: Collection[str] = ()) -> str:
        """Return the address to ask for what is called `key`; one of `without` only where there is no other.

        Where all rest, the one that has rested longest is tried.
        """
        ranked = self.ranked(key)
        others = [address for address in ranked if address not in without] or ranked
        now = self._clock()
        well = [address for address in others if self._known[address].rests_until <= now]
        if not well:
            return min(others, key=lambda address: self._known[address].rests_until)
        fair = (sum(replica.users for replica in self._known.values()) + 1) / len(well)
        bound = max(ROOM, math.ceil(MOST_OVER * fair))
        roomy = (address for address in well if self._known[address].users < bound)
        return next(roomy, well[0])

    def ranked(self, key: str) -> list[str]:
        """Return all addresses, the one that `key` belongs to first."""
        return sorted(self._known, key=lambda address: _weight(key, address), reverse=True)

    @contextmanager
    def using(self, address: str) -> Iterator[None]:
        """Count a request to `address` while the block lasts."""
        self._known[address].users += 1
        try:
            yield
        finally:
            self._known[address].users -= 1

    def failed(self, address: str, rest_s: float | None = None) -> None:
        """Leave a replica out for `rest_s`, by default for longer with each failure in a row."""
        replica = self._known[address]
        doubled_s = FIRST_REST_S * 2 ** min(replica.failures, 10)
        replica.failures += 1
        replica.rests_until = self._clock() + min(LONGEST_REST_S, rest_s or doubled_s)

    def worked(self, address: str) -> None:
        """Take a replica in again."""
        replica = self._known[address]
        replica.failures, replica.rests_until = 0, -math.inf


def _weight(key: str, address: str) -> bytes:
    return hashlib.blake2b(f"{address}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
