"""One-time codes: a device gets a session, and nobody types a key (docs/decisions/0011-pairing.md).

They live in memory only and not for long: a server that is started again knows none.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from fireside.cards import Key, Pairing
from fireside.server.keys import digest

CODE_BYTES = 16
"""128 random bits: nobody guesses one, least of all in ten minutes and past the counting of tries."""
GOOD_FOR_S = 600.0
MOST = 16
"""Codes that are good at once; one more ends the oldest."""


class Pairings:
    """The codes that are good now. Safe to call from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def make(self, key_id: str) -> str:
        """Return a new code, good once within `GOOD_FOR_S` for a session of this key."""
        code = secrets.token_urlsafe(CODE_BYTES)
        with self._lock:
            self._codes[digest(code)] = (key_id, self._clock() + GOOD_FOR_S)
            while len(self._codes) > MOST:
                self._codes.popitem(last=False)
        return code

    def offer(self, key: Key, where: str) -> Pairing:
        """Return a new code as it is told to people; `where` is the page's address for the device."""
        code = self.make(key.id)
        return Pairing(code, key.name, f"{where}/#pair={code}", GOOD_FOR_S)

    def key_of(self, code: str) -> str | None:
        """Return the id of the key that a good code stands for, and leave the code as it is.

        What is looked up is a digest, so the time that takes tells nobody anything of a code.
        """
        with self._lock:
            key_id, ends = self._codes.get(digest(code), (None, 0.0))
            return key_id if self._clock() < ends else None

    def use(self, code: str) -> bool:
        """Use a code up; False when it isn't good any more. Of two at once only one gets True."""
        with self._lock:
            _, ends = self._codes.pop(digest(code), (None, 0.0))
            return self._clock() < ends
