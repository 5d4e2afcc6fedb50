"""The way of a tuning: setting by setting from the best way so far, each candidate beside it, in turns.

Coordinate descent instead of all combinations: what one setting gains hardly depends on the others, and the
whole takes minutes. See docs/decisions/0022-profiles.md.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random

import msgspec

from fireside.engines import machine
from fireside.engines.fit import need_of
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import StartEngine
from fireside.errors import EngineError
from fireside.likelihood import likelihood_of
from fireside.profiles import USUAL_SLOTS, Kind, Speed, Tried, Trying, Tuned, settled
from fireside.settings import Settings
from fireside.tuning.candidates import Dimension, Facts, others, tried
from fireside.tuning.choice import LEAST_GAIN, LEAST_OF_EACH, MOST_LOSS, gain_of, is_better, medians
from fireside.tuning.trials import SLOTS as LEAST_SLOTS
from fireside.tuning.trials import Trial, begin, turns

ROUNDS, COMPARED_ROUNDS = 3, 2
COMPARED_AS = 3
"""times what a candidate takes, for the comparison at the end"""
LEAST_GAIN_OF_SLOTS = 1.1
"""They take memory for as long as the model is loaded."""
MOST_OF_MEMORY = 0.25
"""of what is available: what a model may take so that others have their turn at once"""
SHORT_OF_MEMORY = 0.6
"""of what is available: where a model takes more, a smaller cache is worth it without being faster"""
ALL: tuple[Kind, ...] = ("reading", "long", "writing", "later", "chat", "editing", "summarising", "together")

log = logging.getLogger(__name__)
Tell = Callable[[Trying], None]


class Found(msgspec.Struct, frozen=True):
    """What the descent came to."""

    tuned: Tuned
    speeds: tuple[Speed, ...]
    trials: tuple[Tried, ...]


class Descent:
    """One model's tuning. `start` starts it in the engine of today, as its `tuned` says."""

    def __init__(
        self,
        start: StartEngine,
        model: ModelFile,
        settings: Settings,
        *,
        is_busy: bool,
        limit_s: float,
        tell: Tell,
        is_changed: bool = False,
    ) -> None:
        names = [field.name for field in msgspec.structs.fields(Tuned)]
        self._start = start
        self._model = model
        self._set = frozenset(name for name in names if getattr(settings, name) is not None)
        self._usual = self._best = settled(settings)
        self._settings = msgspec.structs.replace(settings, **dict.fromkeys(names))
        self._is_busy = is_busy
        self._is_changed = is_changed
        self._end = time.monotonic() + limit_s
        self._tell = tell
        self._chance = Random(os.urandom(16))  # noqa: S311 - words by chance, no secrets
        self._read_tokens: int | None = None
        self._threads: int | None = None
        self._prompt_threads: int | None = None
        self._tried: list[Tried] = []
        self._took_s: list[float] = []

    async def go(self) -> Found:
        """Try all there is time for, one way at least; then compare what came of it with the usual way."""
        facts = await self._look()
        ways = tried(facts, self._set, is_busy=self._is_busy)
        for number, dimension in enumerate(ways):
            for way in others(dimension, facts, self._best):
                self._say(dimension.name, number, len(ways) + 1)
                if self._tried and self._left_s() < COMPARED_AS * max(self._took_s):
                    break
                began = time.monotonic()
                await self._try(dimension, way)
                self._took_s.append(time.monotonic() - began)
        self._say("compared", len(ways), len(ways) + 1)
        return await self._compared()

    async def _look(self) -> Facts:
        """Start the model as usual, to see how fast it is."""
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            trial = await self._begin(stack, self._usual)
            self._read_tokens = trial.read_tokens
            cores = machine.usable_cores()
            facts = Facts(
                cores=cores,
                threads=trial.engine.info.threads or max(1, cores - 1),
                prompt_threads=trial.engine.info.prompt_threads or cores,
                on_graphics=trial.engine.info.device == "gpu",
                read_tokens_per_s=await trial.speed("reading"),
                is_changed=self._is_changed,
                sees=self._model.projector is not None,
            )
        self._threads, self._prompt_threads = facts.threads, facts.prompt_threads
        self._took_s.append(time.monotonic() - began)
        return facts

    async def _try(self, dimension: Dimension, way: Tuned) -> None:
        """Take `way` where it is better than the best so far."""
        together = "together" in dimension.kinds
        if together and not self._has_room(way, MOST_OF_MEMORY):
            return
        loss: float | None = None
        try:
            async with AsyncExitStack() as stack:
                weighs = dimension.costs_quality
                present = await self._begin(stack, self._best, together=together, weighs=weighs)
                other = await self._begin(stack, way, together=together, weighs=weighs)
                found = await turns(present, other, dimension.kinds, ROUNDS)
                taken = is_better(found, self._least_gain(dimension))
                if taken and dimension.costs_quality:
                    loss = await _loss(present, other)
        except EngineError as error:
            # What an engine doesn't start with, or dies of, is no candidate.
            log.info("%s %s: %s", dimension.name, getattr(way, dimension.name), error)
            self._note(dimension, way, 0.0, taken=False)
            return
        taken = taken and (loss or 0.0) <= MOST_LOSS
        self._note(dimension, way, gain_of(found), taken=taken, loss=loss)
        if taken:
            self._best = way

    async def _compared(self) -> Found:
        """Return the speeds before and after; what isn't better as a whole isn't taken."""
        async with AsyncExitStack() as stack:
            present = best = await self._begin(stack, self._usual, together=True)
            if self._best != self._usual:
                best = await self._begin(stack, self._best, together=True)
            found = await turns(present, best, ALL, COMPARED_ROUNDS, self._end)
        usual = medians(found)
        if gain_of(found) < 1:
            self._best = self._usual
            usual = {kind: (was, was) for kind, (was, _) in usual.items()}
        speeds = tuple(Speed(kind, round(was, 1), round(now, 1)) for kind, (was, now) in usual.items())
        return Found(self._best, speeds, tuple(self._tried))

    async def _begin(
        self, stack: AsyncExitStack, way: Tuned, *, together: bool = False, weighs: bool = False
    ) -> Trial:
        model = msgspec.structs.replace(self._model, weighs=weighs)
        # A second engine would be given fewer threads than the first, which is there already.
        way = msgspec.structs.replace(
            way,
            threads=way.threads or self._threads,
            prompt_threads=way.prompt_threads or self._prompt_threads,
        )
        slots = max(LEAST_SLOTS, way.slots or USUAL_SLOTS) if together else LEAST_SLOTS
        trial = await begin(
            self._start, model, self._settings, way, self._chance, self._read_tokens, slots=slots
        )
        stack.push_async_callback(trial.aclose)
        return trial

    def _least_gain(self, dimension: Dimension) -> float:
        if "together" in dimension.kinds:
            return LEAST_GAIN_OF_SLOTS
        short = dimension.costs_quality and not self._has_room(self._best, SHORT_OF_MEMORY)
        return LEAST_OF_EACH if short else LEAST_GAIN

    def _has_room(self, way: Tuned, share: float) -> bool:
        """Return whether the model takes at most this share of the memory that is available."""
        available = machine.available_bytes()
        needed = need_of(msgspec.structs.replace(self._model, tuned=way), USUAL_SLOTS)
        return available is not None and needed is not None and needed.total <= share * available

    def _note(
        self, dimension: Dimension, way: Tuned, gain: float, *, taken: bool, loss: float | None = None
    ) -> None:
        value = str(getattr(way, dimension.name))
        self._tried.append(Tried(dimension.name, value, round(gain, 3), taken, loss))

    def _say(self, name: str, done: int, total: int) -> None:
        usual = sum(self._took_s) / len(self._took_s)
        self._tell(Trying(name, done, total, max(0.0, min(self._left_s(), usual * 2 * (total - done)))))

    def _left_s(self) -> float:
        return self._end - time.monotonic()


async def _loss(present: Trial, other: Trial) -> float:
    """Return how much less probable the other finds a text, as a share; below 0 it finds it more probable."""
    before, after = await likelihood_of(present.engine), await likelihood_of(other.engine)
    return round((before.mean - after.mean) / abs(before.mean), 6)
