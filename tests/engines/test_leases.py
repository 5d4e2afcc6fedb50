"""Who has a model loaded, for how long, and what happens when its engine dies."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from fireside.engines.crashes import backoff_s
from fireside.engines.leases import Engines
from fireside.engines.protocol import Engine
from fireside.errors import EngineCrashed, EngineUnavailable, ModelDamaged
from fireside.settings import Settings
from scripted import ScriptedStart, a_model

ONE, OTHER, THIRD = (a_model(f"file:/{name}.gguf") for name in ("one", "other", "third"))


class Time:
    """A clock that only moves when somebody sleeps or the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.idle_over = asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds == Settings().model_idle_s:
            await self.idle_over.wait()
        self.now += seconds


def pool(start: ScriptedStart, time: Time, *, fits: int = 2) -> Engines:
    """Return a pool with room for so many engines."""

    def has_room(*_: object) -> bool:
        return sum(not engine.closed for engine in start.engines) < fits

    return Engines(start, Settings(), fits=has_room, sleep=time.sleep, clock=time.clock)


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_model_is_loaded_once_for_all_who_ask_and_all_hear_the_progress() -> None:
    start = ScriptedStart(gate=asyncio.Event())
    engines = pool(start, Time())
    heard: list[list[float]] = [[], []]

    async def use(number: int) -> Engine:
        async with engines.lease(ONE, heard[number].append) as engine:
            return engine

    first = asyncio.create_task(use(0))
    await start.loading.wait()
    second = asyncio.create_task(use(1))
    await settle()
    assert start.gate is not None
    start.gate.set()
    assert await first is await second
    assert len(start.loads) == 1
    assert [shares[-1] for shares in heard] == [1.0, 1.0]
    assert heard[1][0] == 0.5
    await engines.aclose()


async def test_a_model_in_use_is_never_unloaded_and_an_unused_one_is() -> None:
    start, time = ScriptedStart(), Time()
    engines = pool(start, time)
    async with engines.lease(ONE):
        async with engines.lease(ONE):
            assert [status.users for status in engines.statuses()] == [2]
        time.idle_over.set()
        await settle()
        assert [status.users for status in engines.statuses()] == [1]
        assert not start.engines[0].closed
    await settle()
    assert engines.statuses() == ()
    assert start.engines[0].closed
    await engines.aclose()


async def test_using_a_model_again_keeps_it_loaded() -> None:
    start, time = ScriptedStart(), Time()
    engines = pool(start, time)
    async with engines.lease(ONE):
        pass
    await settle()
    async with engines.lease(ONE):
        time.idle_over.set()
        await settle()
        assert not start.engines[0].closed
    assert len(start.loads) == 1
    await engines.aclose()


async def test_the_model_that_was_unused_longest_makes_room() -> None:
    start, time = ScriptedStart(), Time()
    engines = pool(start, time)
    for model in (ONE, OTHER, ONE):
        async with engines.lease(model):
            time.now += 1
    async with engines.lease(THIRD):
        assert {status.model for status in engines.statuses()} == {ONE.reference, THIRD.reference}
    assert start.engines[1].closed
    await engines.aclose()


async def test_a_second_model_waits_when_memory_holds_only_one() -> None:
    start = ScriptedStart()
    engines = pool(start, Time(), fits=1)
    async with engines.lease(ONE):
        waiting = asyncio.create_task(engines.lease(OTHER).__aenter__())
        await settle()
        assert start.loads == [ONE]
    assert (await waiting).info.model == OTHER.reference
    assert start.engines[0].closed
    await engines.aclose()


async def test_when_all_are_in_use_the_next_waits_for_one_to_be_free() -> None:
    start = ScriptedStart()
    engines = pool(start, Time())
    async with AsyncExitStack() as used:
        await used.enter_async_context(engines.lease(ONE))
        async with engines.lease(OTHER):
            waiting = asyncio.create_task(engines.lease(THIRD).__aenter__())
            await settle()
            assert THIRD not in start.loads
        assert (await waiting).info.model == THIRD.reference
        assert not start.engines[0].closed
    await engines.aclose()


async def test_after_a_crash_the_next_lease_gets_a_new_engine_at_once() -> None:
    start, time = ScriptedStart(), Time()
    engines = pool(start, time)
    async with engines.lease(ONE):
        start.engines[0].crash()
    async with engines.lease(ONE) as engine:
        assert engine is start.engines[1]
    assert set(time.slept) <= {600.0}
    await engines.aclose()


async def test_quick_crashes_make_the_next_start_wait_longer_each_time() -> None:
    start, time = ScriptedStart(), Time()
    engines = pool(start, time)
    for _ in range(4):
        async with engines.lease(ONE):
            start.engines[-1].crash()
    assert time.slept == [1.0, 2.0]
    time.now += 61
    async with engines.lease(ONE):
        start.engines[-1].crash()
    async with engines.lease(ONE):
        assert time.slept == [1.0, 2.0]
    await engines.aclose()


async def test_an_engine_that_died_unused_is_replaced() -> None:
    start = ScriptedStart()
    engines = pool(start, Time())
    async with engines.lease(ONE):
        pass
    start.engines[0].crash()
    assert engines.statuses() == ()
    async with engines.lease(ONE) as engine:
        assert engine.alive
    await engines.aclose()


async def test_a_failed_load_is_told_to_everybody_and_the_next_one_tries_again() -> None:
    start = ScriptedStart(gate=asyncio.Event(), failures=[ModelDamaged("bad"), None])
    engines = pool(start, Time())
    leases = [asyncio.create_task(engines.lease(ONE).__aenter__()) for _ in range(2)]
    await settle()
    assert start.gate is not None
    start.gate.set()
    results = await asyncio.gather(*leases, return_exceptions=True)
    assert [type(result) for result in results] == [ModelDamaged, ModelDamaged]
    async with engines.lease(ONE) as engine:
        assert engine.alive
    assert len(start.loads) == 2
    await engines.aclose()


async def test_loads_that_crash_are_not_repeated_in_a_hurry() -> None:
    start, time = ScriptedStart(failures=[EngineCrashed("no")] * 3), Time()
    engines = pool(start, time)
    for _ in range(3):
        with pytest.raises(EngineCrashed):
            async with engines.lease(ONE):
                raise AssertionError("there is no engine")
    assert time.slept == [1.0]
    await engines.aclose()


async def test_whoever_leaves_during_a_load_leaves_it_to_the_others() -> None:
    start = ScriptedStart(gate=asyncio.Event())
    engines = pool(start, Time())
    leaving, staying = (asyncio.create_task(engines.lease(ONE).__aenter__()) for _ in range(2))
    await settle()
    leaving.cancel()
    await settle()
    assert start.gate is not None
    start.gate.set()
    await staying
    assert [status.users for status in engines.statuses()] == [1]
    assert len(start.loads) == 1
    await engines.aclose()


async def test_closing_the_pool_ends_every_engine_and_every_load() -> None:
    start = ScriptedStart()
    engines = pool(start, Time())
    async with engines.lease(ONE):
        start.gate = asyncio.Event()
        loading = asyncio.create_task(engines.lease(OTHER).__aenter__())
        await settle()
        await engines.aclose()
        assert start.engines[0].closed
    with pytest.raises(EngineUnavailable):
        await loading
    with pytest.raises(EngineUnavailable):
        async with engines.lease(ONE):
            raise AssertionError("the pool is closed")


def test_the_wait_has_an_end() -> None:
    assert max(backoff_s(crashes) for crashes in range(200)) == 30.0
