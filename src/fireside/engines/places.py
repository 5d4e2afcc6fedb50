"""Who is next: a fair, bounded queue for the places that engines have.

Each engine has its own line. In a line the askers take turns, and each asker's own requests keep their
order: a newcomer goes behind everybody who waits, so that nobody is overtaken for ever.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from fireside.errors import TooBusy

NEWEST_SHARE = 0.2
"""How much the newest measurement counts in the running mean."""
LONGEST_RETRY_S = 600


Key = tuple[str, int, bool]
"""Which engine: its model's identity and context length."""


class Place(msgspec.Struct, frozen=True):
    """Where somebody waits: 1 is next. `expected_s` is None while nothing was measured."""

    position: int
    expected_s: float | None


Waiting = Callable[[Place], None]
"""Called with the place in the queue, whenever it changes."""


class Ticket:
    """One request in a line. `number` tells which of two came first."""

    def __init__(self, who: str, number: int, waiting: Waiting | None) -> None:
        self.who = who
        self.number = number
        self._waiting = waiting
        self._told: Place | None = None

    def tell(self, place: Place) -> None:
        """Tell the place, where it isn't known yet; the expected time alone is no news."""
        if self._waiting and (self._told is None or self._told.position != place.position):
            self._told = place
            self._waiting(place)


class Line:
    """Those who wait for one engine, and how long its places are held.

    >>> line = Line()
    >>> for number, who in enumerate("aaab"):
    ...     line.join(Ticket(who, number, None))
    >>> [ticket.number for ticket in line]
    [0, 3, 1, 2]
    >>> line.take(before=math.inf).number, [ticket.number for ticket in line]
    (0, [3, 1, 2])
    """

    def __init__(self) -> None:
        self._turns: dict[str, deque[Ticket]] = {}
        """the askers in the order of their turns"""
        self.mean_held_s: float | None = None

    def __len__(self) -> int:
        return sum(len(own) for own in self._turns.values())

    def __iter__(self) -> Iterator[Ticket]:
        """Yield the tickets in the order in which they will be served."""
        turns = [list(own) for own in self._turns.values()]
        for turn in range(max(map(len, turns), default=0)):
            yield from (own[turn] for own in turns if turn < len(own))

    @property
    def askers(self) -> int:
        return len(self._turns)

    @property
    def first_number(self) -> float:
        """The number of whoever came first of those who wait; infinite where nobody does."""
        return min((own[0].number for own in self._turns.values()), default=math.inf)

    def join(self, ticket: Ticket) -> None:
        self._turns.setdefault(ticket.who, deque()).append(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Take out a ticket; harmless where it has left already."""
        own = self._turns.get(ticket.who)
        if own and ticket in own:
            own.remove(ticket)
            if not own:
                del self._turns[ticket.who]

    def take(self, *, before: float) -> Ticket | None:
        """Take out and return whose turn it is among the tickets with a number below `before`."""
        for who, own in self._turns.items():
            if own[0].number < before:
                ticket = own.popleft()
                # Whoever had a turn goes behind the others.
                del self._turns[who]
                if own:
                    self._turns[who] = own
                return ticket
        return None

    def count_held(self, seconds: float) -> None:
        """Count how long a place was held."""
        mean = seconds if self.mean_held_s is None else self.mean_held_s
        self.mean_held_s = mean + (seconds - mean) * NEWEST_SHARE

    def tell(self, slots: int, free: int) -> None:
        """Tell their places to those who wait for one of `slots`, of which `free` can be had."""
        for rank, ticket in enumerate(self, 1):
            if (position := rank - free) > 0:
                ticket.tell(Place(position, self.expected_s(position, slots)))

    def expected_s(self, position: int, slots: int) -> float | None:
        """Return how long somebody at `position` waits: a place falls free every mean ÷ slots seconds."""
        return None if self.mean_held_s is None else self.mean_held_s * position / max(1, slots)


class Promise:
    """A place in the queue for a request that comes later: whoever was promised one isn't sent away."""

    def __init__(self, who: str, given_up: Callable[[str], None]) -> None:
        self._who = who
        self._given_up = given_up
        self._open = True

    def end(self) -> None:
        """It was kept, or nobody needs it any more; harmless the second time."""
        if self._open:
            self._open = False
            self._given_up(self._who)


class Queue:
    """All lines together: at most `most` tickets wait, and `most_of_one` of one asker.

    Promised places count as if somebody waited there already.
    """

    def __init__(self, most: int, most_of_one: int, slots: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._slots = slots
        self._lines: dict[Key, Line] = {}
        self._waiting: dict[str, int] = {}
        self._promised: dict[str, int] = {}
        self._joined = 0

    def __len__(self) -> int:
        return sum(self._waiting.values())

    def line(self, key: Key) -> Line:
        return self._lines.setdefault(key, Line())

    def lines(self) -> tuple[tuple[Key, Line], ...]:
        """Return the lines in which somebody waits, whoever came first first."""
        waiting = [(key, line) for key, line in self._lines.items() if len(line)]
        return tuple(sorted(waiting, key=lambda item: item[1].first_number))

    def promise(self, line: Line, who: str, *, free: int) -> Promise:
        """Return a place for a later `join`; TooBusy past the bounds, where `free` needn't wait at all."""
        self._check(line, who, free)
        _add(self._promised, who, 1)
        return Promise(who, lambda asker: _add(self._promised, asker, -1))

    def join(
        self,
        key: Key,
        who: str,
        waiting: Waiting | None,
        *,
        at_once: bool,
        promise: Promise | None = None,
    ) -> Ticket:
        """Return a new ticket at the end; TooBusy past the bounds.

        Whoever is served `at_once`, or has a promise, is never sent away.
        """
        line = self.line(key)
        if promise:
            promise.end()
        elif not at_once:
            self._check(line, who)
        self._joined += 1
        ticket = Ticket(who, self._joined, waiting)
        line.join(ticket)
        _add(self._waiting, who, 1)
        return ticket

    def left(self, ticket: Ticket) -> None:
        """Count a ticket that was taken from its line, or left it."""
        _add(self._waiting, ticket.who, -1)

    def _check(self, line: Line, who: str, free: int = 0) -> None:
        own = self._waiting.get(who, 0) + self._promised.get(who, 0) - free
        if own >= self._most_of_one:
            raise self._too_busy(
                f"{own} of your requests wait already; {self._most_of_one} is the most",
                "queue_length_each",
                line.expected_s(max(1, line.askers), self._slots),
            )
        if (everybody := len(self) + sum(self._promised.values()) - free) >= self._most:
            raise self._too_busy(
                f"{everybody} requests wait already; {self._most} is the most",
                "queue_length",
                line.expected_s(1, self._slots),
            )

    def _too_busy(self, message: str, setting: str, expected_s: float | None) -> TooBusy:
        retry_after_s = _retry_after_s(expected_s)
        return TooBusy(
            message,
            hint=f"try again in about {retry_after_s} s, or raise {setting} in the settings",
            retry_after_s=retry_after_s,
        )


def _add(counts: dict[str, int], who: str, change: int) -> None:
    """Count for `who`; who has nothing left is forgotten."""
    counts[who] = counts.get(who, 0) + change
    if not counts[who]:
        del counts[who]


def _retry_after_s(expected_s: float | None) -> int:
    """
    >>> _retry_after_s(None), _retry_after_s(0.2), _retry_after_s(7.1)
    (1, 1, 8)
    """
    return min(LONGEST_RETRY_S, max(1, math.ceil(expected_s or 0)))
