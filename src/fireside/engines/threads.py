"""How many threads an engine is given, for the machine as it is found when it starts.

An engine's threads meet after every operation. So the slowest keeps all of them waiting: one on an efficiency
core, one that shares its core with another hyper-thread, and above all one that has lost its core to another
program. See docs/decisions/0023-threads.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from fireside.cards import ThreadReason

ALIKE = 0.85
"""A core at least so fast, beside the fastest, is of its kind: those of one kind are less far apart."""
ENOUGH_FAST = 4
"""Where there are so many cores of the fast kind, they fetch from memory all that a reply can use."""


class Threads(msgspec.Struct, frozen=True):
    """How many threads write replies and read prompts, and what decided that."""

    reply: int
    prompt: int
    because: tuple[ThreadReason, ...] = ()


class Wish(msgspec.Struct, frozen=True):
    """Threads that write replies, and those that read prompts; None leaves a number open."""

    reply: int | None = None
    prompt: int | None = None


OPEN = Wish()


class Choice(msgspec.Struct, frozen=True):
    """What threads are chosen by, besides the machine."""

    wanted: Wish = OPEN
    """by a person: it is done"""
    tuned: Wish = OPEN
    """measured while the machine was quiet, so it holds as far as there is room"""
    yields: bool = False
    """whether a thread that waits for the others soon leaves its core to whoever can use it"""
    leaves: bool = False
    """whether threads that find no core leave the others by themselves, until there is one again"""


class Conditions(msgspec.Struct, frozen=True):
    """What the machine is like at the moment."""

    cores: tuple[float, ...]
    """the speed of each physical core that may be used, beside the fastest, fastest first"""
    quota: float | None = None
    """cores' worth of time that a control group grants"""
    busy: float = 0.0
    """how many cores others keep busy, our other engines among them"""
    on_battery: bool = False
    beside: int = 0
    """how many other engines of ours are loaded: they may be asked at the same time"""


def choose(choice: Choice, now: Conditions) -> Threads:
    """Return the threads to use; and why they aren't one for each core, and one less for replies.

    A reason is what would change the numbers if there were no other.

    >>> choose(Choice(), Conditions(cores=(1.0,) * 8))
    Threads(reply=7, prompt=8, because=())
    >>> choose(Choice(Wish(reply=3)), Conditions(cores=(1.0, 1.0), quota=1.4))
    Threads(reply=3, prompt=1, because=('settings', 'quota'))
    >>> choose(Choice(), Conditions(cores=(1.0,) * 6 + (0.5,) * 4, busy=2.1))
    Threads(reply=4, prompt=4, because=('slow_cores', 'busy'))
    """
    plain, alike = replace(choice, wanted=OPEN, tuned=OPEN), Conditions(cores=(1.0,) * len(now.cores))
    alone: dict[ThreadReason, tuple[Choice, Conditions]] = {
        "settings": (replace(plain, wanted=choice.wanted), alike),
        "tuned": (replace(plain, tuned=choice.tuned), alike),
        "slow_cores": (plain, replace(alike, cores=now.cores)),
        "quota": (plain, replace(alike, quota=now.quota)),
        "busy": (plain, replace(alike, busy=now.busy)),
        "engines": (plain, replace(alike, beside=now.beside)),
        "battery": (plain, replace(alike, on_battery=now.on_battery)),
    }
    usual = _numbers(plain, alike)
    because = tuple(reason for reason, given in alone.items() if _numbers(*given) != usual)
    return Threads(*_numbers(choice, now), because)


def _numbers(choice: Choice, now: Conditions) -> tuple[int, int]:
    """Return the threads for replies and for prompts.

    Prompts get every core that is worth it and free; those that others use, too, where threads yield, for
    their operations are long enough for that to pay. Replies leave one to others, the server among them.
    Engines whose threads don't yield share the cores: on the same ones both would nearly stand still.
    Threads that leave by themselves see every moment what can be had, so all cores are theirs to try.
    """
    quota = now.quota or math.inf
    sharing = 1 if choice.yields or choice.leaves else 1 + now.beside
    reading, writing = (max(1, worth(now.cores) // sharing) for worth in (worth_using, worth_writing))
    granted = max(1, _rounded(quota)) if quota < reading else sys.maxsize
    is_busy = _rounded(now.busy) > 0 and not choice.leaves
    room = max(1, min(granted, _rounded(reading - now.busy))) if is_busy else granted
    most = math.ceil(min(writing, quota)) - (0 if choice.leaves else 1)
    if now.on_battery:  # memory keeps replies waiting, and cores that wait take power all the same
        most = min(most, math.ceil(writing / 2))
    reply = min(choice.tuned.reply or max(1, most), room)
    prompt = min(choice.tuned.prompt or reading, granted if choice.yields else room)
    return choice.wanted.reply or reply, choice.wanted.prompt or prompt


def worth_using(cores: Sequence[float]) -> int:
    """Return how many cores are worth using together, when the slowest of them sets the pace for all.

    >>> worth_using((1.0, 1.0, 0.5)), worth_using((1.0, 1.0, 0.5, 0.5, 0.5, 0.5))
    (2, 6)
    """
    return max(range(1, len(cores) + 1), key=lambda count: (count * cores[count - 1], count))


def worth_writing(cores: Sequence[float]) -> int:
    """Return how many are worth using for replies: those of the fast kind, where they are enough.

    >>> worth_writing((1.0,) * 8 + (0.5,) * 16), worth_writing((1.0, 1.0, 0.5, 0.5, 0.5, 0.5))
    (8, 6)
    """
    fast = sum(speed >= ALIKE for speed in cores)
    return fast if fast >= ENOUGH_FAST else worth_using(cores)


def _rounded(number: float) -> int:
    return math.floor(number + 0.5)
