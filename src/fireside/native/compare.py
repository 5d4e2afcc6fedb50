"""A build beside the prebuilt engine: whether it computes the same, and whether it is faster.

Two correct builds round differently, so greedy words soon differ; how probable each finds a given text
hardly does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from fireside.builds import Compared
from fireside.engines import llamacpp
from fireside.engines.conditions import at_rest
from fireside.engines.protocol import Engine, ModelFile
from fireside.errors import EngineError
from fireside.likelihood import change, likelihood_of
from fireside.racing import CONTEXT_LENGTH, race
from fireside.settings import Settings

MOST_DRIFT = 0.005
LEAST_GAIN, LEAST_OF_EACH = 1.02, 0.9
"""faster on the whole, and slower at neither reading nor writing by more than a busy machine explains"""

Judged = Callable[[int, int], None]


async def compare(model: ModelFile, settings: Settings, server: Path, judged: Judged) -> Compared:
    """Return how the built `server` does beside the prebuilt engine, in turns, with `model`."""
    alone = msgspec.structs.replace(at_rest(settings), slots=1, llama_server=None)
    context = min(model.context_length, CONTEXT_LENGTH)
    # Of what is drafted no engine tells how probable it was.
    small = msgspec.structs.replace(model, context_length=context, weighs=True)
    async with AsyncExitStack() as opened:
        engines: list[Engine] = []
        for chosen in (alone, msgspec.structs.replace(alone, llama_server=str(server))):
            engines.append(await llamacpp.start(small, chosen))
            opened.push_async_callback(engines[-1].aclose)
        before, after = [await likelihood_of(engine) for engine in engines]
        drift = round(abs(change(before, after).mean / before.mean), 6)
        if drift > MOST_DRIFT:
            raise EngineError(
                f"the built engine computes something else: its probabilities differ by {drift:.2%}",
                hint="the prebuilt engine goes on being used; another compiler may do better",
            )
        turns = await race(engines, model.identity, judged)
        return Compared(
            model=model.reference,
            reading=statistics.median(prebuilt.reading / built.reading for prebuilt, built in turns),
            writing=statistics.median(prebuilt.writing / built.writing for prebuilt, built in turns),
            drift=drift,
        )


def is_better(compared: Compared) -> bool:
    """
    >>> is_better(Compared("m", reading=1.6, writing=1.0, drift=0.0))
    True
    >>> is_better(Compared("m", reading=1.6, writing=0.7, drift=0.0))
    False
    """
    whole = math.sqrt(compared.reading * compared.writing)
    return whole >= LEAST_GAIN and min(compared.reading, compared.writing) >= LEAST_OF_EACH
