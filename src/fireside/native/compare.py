"""A build beside the prebuilt engine: whether it computes the same, and whether it is faster.

Two correct builds round differently, so greedy words soon differ; how probable each finds a given text
hardly does.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import msgspec

from fireside.builds import Compared
from fireside.engines import llamacpp
from fireside.engines.protocol import Engine, ModelFile, Piece
from fireside.errors import EngineError
from fireside.likelihood import TEXT_FILE, change, likelihood_of
from fireside.messages import Sampling
from fireside.settings import Settings

ROUNDS = 3
READ_TOKENS, WRITTEN_TOKENS = 384, 48
CONTEXT_LENGTH = 2_048
MOST_DRIFT = 0.005
LEAST_GAIN, LEAST_OF_EACH = 1.02, 0.9
"""faster on the whole, and slower at neither reading nor writing by more than a busy machine explains"""

Judged = Callable[[int, int], None]


async def compare(model: ModelFile, settings: Settings, server: Path, judged: Judged) -> Compared:
    """Return how the built `server` does beside the prebuilt engine, in turns, with `model`."""
    alone = msgspec.structs.replace(settings, slots=1, llama_server=None)
    small = msgspec.structs.replace(model, context_length=min(model.context_length, CONTEXT_LENGTH))
    async with AsyncExitStack() as opened:
        engines: list[Engine] = []
        for chosen in (alone, msgspec.structs.replace(alone, llama_server=str(server))):
            engines.append(await llamacpp.start(small, chosen))
            opened.push_async_callback(engines[-1].aclose)
        prebuilt, built = [await likelihood_of(engine) for engine in engines]
        drift = round(abs(change(prebuilt, built).mean / prebuilt.mean), 6)
        if drift > MOST_DRIFT:
            raise EngineError(
                f"the built engine computes something else: its probabilities differ by {drift:.2%}",
                hint="the prebuilt engine goes on being used; another compiler may do better",
            )
        reading, writing = await _speeds(engines, model.identity, judged)
        return Compared(model=model.reference, reading=reading, writing=writing, drift=drift)


def is_better(compared: Compared) -> bool:
    """
    >>> is_better(Compared("m", reading=1.6, writing=1.0, drift=0.0))
    True
    >>> is_better(Compared("m", reading=1.6, writing=0.7, drift=0.0))
    False
    """
    whole = math.sqrt(compared.reading * compared.writing)
    return whole >= LEAST_GAIN and min(compared.reading, compared.writing) >= LEAST_OF_EACH


async def _speeds(engines: Sequence[Engine], seed: str, judged: Judged) -> tuple[float, float]:
    """Return how much faster the second engine reads and writes than the first; medians of turns."""
    chance = random.Random(seed)  # noqa: S311 - text that nobody has read before, not a secret
    vocabulary = await engines[0].tokenize(TEXT_FILE.read_text("utf-8"), special=False)
    ratios: list[tuple[float, float]] = []
    for number in range(ROUNDS + 1):
        taken = []
        for engine in engines if number % 2 else reversed(engines):
            prompt = [chance.choice(vocabulary) for _ in range(READ_TOKENS)]
            taken.append((engine, await _timed(engine, prompt)))
        judged(number + 1, ROUNDS + 1)
        first, second = (next(took for one, took in taken if one is engine) for engine in engines)
        if number:  # the first turn warms up
            ratios.append((first[0] / second[0], first[1] / second[1]))
    return statistics.median(one for one, _ in ratios), statistics.median(one for _, one in ratios)


async def _timed(engine: Engine, prompt: Sequence[int]) -> tuple[float, float]:
    """Return the seconds until the first word, and those of each further one."""
    begun, first, last, tokens = time.monotonic(), 0.0, 0.0, 0
    steps = engine.generate(prompt, Sampling(temperature=0), max_tokens=WRITTEN_TOKENS)
    async with aclosing(steps) as generated:
        async for step in generated:
            if isinstance(step, Piece):
                last = time.monotonic()
                first = first or last
                tokens += len(step.ids)
    if tokens < 2:
        raise EngineError("the engine wrote nothing to be measured", hint="try again")
    return first - begun, (last - first) / (tokens - 1)
