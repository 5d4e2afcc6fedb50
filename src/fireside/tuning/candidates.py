"""What can be tried, setting by setting, beside the best way so far: pure code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from fireside.footprint import READ_AT_ONCE
from fireside.profiles import USUAL_SLOTS, Kind, Tuned

BATCHES = (64, 256, 512)
MOST_BATCH_S = 0.5
"""A closed connection is noticed between two batches (docs/decisions/0008-engine-child.md)."""
SLOTS = (4, 8)
OF_THREADS = frozenset(("prompt_threads", "threads", "waiting"))
SINGLE: tuple[Kind, ...] = ("reading", "writing", "later")
LOOKING_BACK: tuple[Kind, ...] = ("long", "writing", "later")


class Facts(msgspec.Struct, frozen=True):
    """What of the machine and of the engine decides what is worth trying."""

    cores: int
    threads: int
    """that write replies now"""
    prompt_threads: int
    on_graphics: bool
    read_tokens_per_s: float
    """a prompt's, as it is read now"""
    is_changed: bool = False
    """whether the engine was built with Fireside's changes"""
    sees: bool = False
    """whether a picture has to fit into what is read at once: then none of the batches would be another"""


class Dimension(msgspec.Struct, frozen=True):
    """One setting: what it concerns, and which values are tried."""

    name: str
    kinds: tuple[Kind, ...]
    values: Callable[[Facts, Tuned], Iterator[object]]
    on_graphics: bool = False
    """whether it matters where a graphics processor computes"""
    costs_quality: bool = False


def _threads(facts: Facts, best: Tuned) -> Iterator[object]:
    yield from _numbers(facts) - {best.threads or facts.threads}


def _prompt_threads(facts: Facts, best: Tuned) -> Iterator[object]:
    yield from _numbers(facts) - {best.prompt_threads or facts.prompt_threads}


def _numbers(facts: Facts) -> set[int]:
    return {facts.cores, max(1, facts.cores // 2), max(1, facts.cores - 1)}


def _batches(facts: Facts, best: Tuned) -> Iterator[object]:
    if facts.sees:
        return
    most = max(READ_AT_ONCE, facts.read_tokens_per_s * MOST_BATCH_S)
    yield from (batch for batch in BATCHES if batch <= most)


def _slots(facts: Facts, best: Tuned) -> Iterator[object]:
    yield from (slots for slots in SLOTS if slots > (best.slots or USUAL_SLOTS))


def _waiting(facts: Facts, best: Tuned) -> Iterator[object]:
    # One alone never waits for another. Those that leave by themselves would take one that stays awake, the
    # other engine's in this comparison, for another program.
    if facts.is_changed:
        return
    if (best.threads or facts.threads, best.prompt_threads or facts.prompt_threads) != (1, 1):
        yield from ("passive", "active")


def _flash_attention(facts: Facts, best: Tuned) -> Iterator[object]:
    yield not facts.is_changed  # what isn't usual


def _one(*values: object) -> Callable[[Facts, Tuned], Iterator[object]]:
    return lambda facts, best: iter(values)


DIMENSIONS = (
    Dimension("prompt_threads", ("reading",), _prompt_threads),
    Dimension("threads", ("writing", "later"), _threads),
    Dimension("waiting", SINGLE, _waiting),
    Dimension("batch", ("reading",), _batches),
    Dimension("flash_attention", LOOKING_BACK, _flash_attention),
    Dimension("cache_type", LOOKING_BACK, _one("q8_0"), on_graphics=True, costs_quality=True),
    Dimension("speculation", ("chat", "editing", "summarising"), _one("ngram"), on_graphics=True),
    Dimension("slots", ("together",), _slots, on_graphics=True),
)
"""in this order: what follows is tried with the best of what came before"""


def tried(facts: Facts, set_by_person: frozenset[str], *, is_busy: bool = False) -> tuple[Dimension, ...]:
    """Return what is tried here; what the person has set stays so.

    How many threads are best, and how they wait, isn't measured where others use the cores: that holds for
    this moment only, and is chosen anew at each load (engines/threads.py).

    >>> facts = Facts(cores=1, threads=1, prompt_threads=1, on_graphics=True, read_tokens_per_s=900.0)
    >>> [one.name for one in tried(facts, frozenset(["slots"]))]
    ['cache_type', 'speculation']
    >>> facts = Facts(cores=2, threads=1, prompt_threads=2, on_graphics=False, read_tokens_per_s=900.0)
    >>> tried(facts, frozenset(), is_busy=True)[0].name
    'batch'
    """
    left_out = set_by_person | (OF_THREADS if is_busy else frozenset())
    return tuple(
        one for one in DIMENSIONS if one.name not in left_out and (one.on_graphics or not facts.on_graphics)
    )


def others(dimension: Dimension, facts: Facts, best: Tuned) -> list[Tuned]:
    """Return the ways that differ from the best one in this setting only.

    >>> facts = Facts(cores=4, threads=3, prompt_threads=4, on_graphics=False, read_tokens_per_s=600.0)
    >>> [one.batch for one in others(DIMENSIONS[3], facts, Tuned())]
    [64, 256]
    >>> others(DIMENSIONS[3], msgspec.structs.replace(facts, sees=True), Tuned())
    []
    >>> sorted(one.threads for one in others(DIMENSIONS[1], facts, Tuned()))
    [2, 4]
    """
    name = dimension.name
    ways = [msgspec.structs.replace(best, **{name: value}) for value in dimension.values(facts, best)]
    return [way for way in ways if way != best]
