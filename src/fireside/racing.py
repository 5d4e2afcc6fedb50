"""Engines in turns: how fast each reads and writes what the others do at nearly the same moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from fireside.engines.protocol import Engine, Piece
from fireside.errors import EngineError
from fireside.likelihood import TEXT_FILE
from fireside.messages import Sampling

ROUNDS = 3
READ_TOKENS, WRITTEN_TOKENS = 384, 48
CONTEXT_LENGTH = 2_048
"""room for what is read and judged, and no memory for more"""
TRIES = 4
"""A model may find nothing to say to words without a meaning."""

Driven = Callable[[int, int], None]
"""called with the turns that are done, and all of them"""


class Lap(msgspec.Struct, frozen=True):
    """One engine's turn, in seconds."""

    reading: float
    """until the first word after `READ_TOKENS` tokens"""
    writing: float
    """of each further token"""


async def race(engines: Sequence[Engine], seed: str, driven: Driven) -> list[tuple[Lap, ...]]:
    """Return the turns, each with a lap of every engine; none reads what any has read before.

    EngineError where one writes nothing.
    """
    chance = random.Random(seed)  # noqa: S311 - text that nobody has read before, not a secret
    vocabulary = await engines[0].tokenize(TEXT_FILE.read_text("utf-8"), special=False)
    turns: list[tuple[Lap, ...]] = []
    for number in range(ROUNDS + 1):
        laps: dict[int, Lap] = {}
        places = range(len(engines))
        for place in places if number % 2 else reversed(places):
            laps[place] = await _lap(engines[place], vocabulary, chance)
        driven(number + 1, ROUNDS + 1)
        if number:  # the first turn warms up
            turns.append(tuple(laps[place] for place in places))
    return turns


async def _lap(engine: Engine, vocabulary: Sequence[int], chance: random.Random) -> Lap:
    for _ in range(TRIES):
        prompt = [chance.choice(vocabulary) for _ in range(READ_TOKENS)]
        begun, first, last, tokens = time.monotonic(), 0.0, 0.0, 0
        steps = engine.generate(prompt, Sampling(temperature=0), max_tokens=WRITTEN_TOKENS)
        async with aclosing(steps) as generated:
            async for step in generated:
                if isinstance(step, Piece):
                    last = time.monotonic()
                    first = first or last
                    tokens += len(step.ids)
        if tokens > 1:
            return Lap(first - begun, (last - first) / (tokens - 1))
    raise EngineError("the engine wrote nothing to be measured", hint="try again")
