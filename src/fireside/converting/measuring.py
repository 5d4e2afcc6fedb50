"""A converted model beside its original: how well each knows a text, and how fast each is."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import msgspec

from fireside.amounts import in_bytes
from fireside.conversions import Measured, Side
from fireside.engines import machine
from fireside.engines.conditions import at_rest
from fireside.engines.protocol import Engine, ModelFile
from fireside.engines.registry import StartEngine
from fireside.errors import NotEnoughMemory
from fireside.likelihood import Likelihood, change, likelihood_of
from fireside.profiles import PLAIN
from fireside.racing import CONTEXT_LENGTH, READ_TOKENS, Lap, race
from fireside.settings import Settings

ENGINE_BYTES = 200 << 20
"""of memory, that an engine takes besides its model"""
JUDGED_SHARE = 0.35
"""of the whole measurement's time, for each of the two texts; the turns take the rest"""

Told = Callable[[float], None]
"""called with the share that is done"""


async def measure(
    before: ModelFile, after: ModelFile, start: StartEngine, settings: Settings, told: Told
) -> Measured:
    """Return how `after` does beside `before`, both run the same way; both are loaded at the same time.

    NotEnoughMemory where there is no room for that; otherwise what engines raise.
    """
    _check_room(before, after)
    alone = msgspec.structs.replace(at_rest(settings), slots=1)
    async with AsyncExitStack() as opened:
        engines: list[Engine] = []
        for model in (before, after):
            engines.append(await start(_plain(model), alone, None))
            opened.push_async_callback(engines[-1].aclose)
        known = []
        for place, engine in enumerate(engines):
            known.append(await likelihood_of(engine, _share_of(told, place * JUDGED_SHARE, JUDGED_SHARE)))
        done = len(engines) * JUDGED_SHARE
        turns = await race(engines, after.identity, _share_of(told, done, 1 - done))
        sides = [
            _side(model, engine, likelihood, laps)
            for model, engine, likelihood, laps in zip(
                (before, after), engines, known, zip(*turns, strict=True), strict=True
            )
        ]
    changed = change(*known)
    return Measured(
        before=sides[0],
        after=sides[1],
        perplexity_ratio=round(changed.perplexity_ratio, 6),
        error=round(changed.error * changed.perplexity_ratio, 6),
        reading=round(statistics.median(first.reading / second.reading for first, second in turns), 3),
        writing=round(statistics.median(first.writing / second.writing for first, second in turns), 3),
        build=engines[1].info.build,
    )


def _plain(model: ModelFile) -> ModelFile:
    """Return the model as it is started here: a profile is one model's, and drafts have no probabilities."""
    context = min(model.context_length, CONTEXT_LENGTH)
    return msgspec.structs.replace(model, context_length=context, tuned=PLAIN, weighs=True)


def _share_of(told: Told, begun: float, share: float) -> Callable[[int, int], None]:
    return lambda done, total: told(begun + share * done / max(1, total))


def _side(model: ModelFile, engine: Engine, likelihood: Likelihood, laps: Sequence[Lap]) -> Side:
    return Side(
        size_bytes=_size_of(model),
        perplexity=round(likelihood.perplexity, 4),
        reading=round(READ_TOKENS / statistics.median(lap.reading for lap in laps), 1),
        writing=round(1 / statistics.median(lap.writing for lap in laps), 1),
        resident_bytes=machine.resident_bytes(engine.info.pid) if engine.info.pid else None,
    )


def _size_of(model: ModelFile) -> int:
    return model.size_bytes or model.path.stat().st_size


def _check_room(before: ModelFile, after: ModelFile) -> None:
    needed = sum(
        _size_of(model) + model.cache_token_bytes * CONTEXT_LENGTH + ENGINE_BYTES for model in (before, after)
    )
    available = machine.available_bytes()
    if available is not None and available < needed:
        raise NotEnoughMemory(
            f"to compare both, {in_bytes(needed)} of memory are needed, {in_bytes(available)} are free",
            hint="close other programs, or unload other models: fireside models unload REF",
        )
