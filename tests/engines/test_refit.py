"""A machine that has changed since a model was loaded: real engines, and looks that are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fireside.engines.leases import Engines
from fireside.engines.protocol import ModelFile
from fireside.engines.refit import RESTED_S, Refit
from fireside.engines.registry import starter
from fireside.engines.threads import Conditions
from fireside.settings import Settings

MANY_CORES = Conditions(cores=(1.0,) * 64)


class Seen:
    """What was seen between two looks."""

    def __init__(self, now: Conditions, worked_s: float = 0.0) -> None:
        self._now = now
        self._worked_s = worked_s

    def conditions(self, pid: int) -> Conditions:
        return self._now

    def worked_s(self, pid: int) -> float:
        return self._worked_s


@pytest.fixture
async def engines(model: ModelFile) -> AsyncIterator[Engines]:
    """A pool in which the model is loaded; how many threads read is left to the machine."""
    engines = Engines(starter(), Settings(threads=1))
    async with engines.lease(model):
        pass
    yield engines
    await engines.aclose()


def is_loaded(engines: Engines) -> bool:
    return bool(engines.statuses())


def look(engines: Engines, *looks: Seen) -> None:
    refit = Refit(engines, Settings().model_idle_s)
    for seen in looks:
        refit.judge(seen)


async def test_a_model_that_rests_is_loaded_anew_once_other_threads_suit(
    engines: Engines, model: ModelFile
) -> None:
    (before,) = engines.alive
    refit = Refit(engines, Settings().model_idle_s)
    refit.judge(Seen(MANY_CORES))
    assert is_loaded(engines), "a moment says nothing"
    refit.judge(Seen(MANY_CORES))
    while is_loaded(engines):
        await asyncio.sleep(0.01)
    async with engines.lease(model) as after:
        assert after is not before


async def test_it_stays_where_the_machine_is_as_before(engines: Engines) -> None:
    (engine,) = engines.alive
    assert engine.info.prompt_threads
    same = Conditions(cores=(1.0,) * engine.info.prompt_threads)
    look(engines, Seen(same), Seen(same), Seen(same))
    assert is_loaded(engines)


async def test_it_stays_where_that_lasted_for_a_moment(engines: Engines) -> None:
    (engine,) = engines.alive
    assert engine.info.prompt_threads
    same = Conditions(cores=(1.0,) * engine.info.prompt_threads)
    look(engines, Seen(MANY_CORES), Seen(same), Seen(MANY_CORES))
    assert is_loaded(engines)


async def test_it_stays_while_somebody_uses_it(engines: Engines, model: ModelFile) -> None:
    async with engines.lease(model) as engine:
        look(engines, *[Seen(MANY_CORES)] * 3)
        assert engine.alive
    assert is_loaded(engines)


async def test_it_stays_where_it_was_at_work(engines: Engines) -> None:
    look(engines, *[Seen(MANY_CORES, worked_s=2 * RESTED_S)] * 3)
    assert is_loaded(engines)


async def test_it_stays_where_a_person_wants_it_to_stay(engines: Engines, model: ModelFile) -> None:
    engines.keep(model.reference, 1e9)
    look(engines, *[Seen(MANY_CORES)] * 3)
    assert is_loaded(engines)


async def test_it_stays_where_a_person_has_set_the_threads(model: ModelFile, settings: Settings) -> None:
    engines = Engines(starter(), settings)
    async with engines.lease(model):
        pass
    look(engines, *[Seen(MANY_CORES)] * 3)
    assert is_loaded(engines)
    await engines.aclose()
