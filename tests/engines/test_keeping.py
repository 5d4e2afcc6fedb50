"""How long a model stays loaded when somebody says so."""

from __future__ import annotations

import asyncio

from fireside.engines.leases import Engines
from fireside.settings import Settings
from scripted import ScriptedStart, a_model

MODEL = a_model()


class Naps:
    """Sleeps that end when the test says so, by their length."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.over: set[float] = set()
        self.changed = asyncio.Condition()

    async def sleep(self, seconds: float) -> None:
        async with self.changed:
            self.begun.append(seconds)
            self.changed.notify_all()
            await self.changed.wait_for(lambda: seconds in self.over)

    async def end(self, seconds: float) -> None:
        async with self.changed:
            self.over.add(seconds)
            self.changed.notify_all()

    async def until_begun(self, seconds: float) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: seconds in self.begun)


def pool(start: ScriptedStart, naps: Naps) -> Engines:
    return Engines(start, Settings(), fits=lambda *_: True, sleep=naps.sleep, clock=lambda: 1000.0)


async def ended(start: ScriptedStart) -> None:
    async with asyncio.timeout(10):
        while not start.engines[0].closed:
            await asyncio.sleep(0)


async def test_a_model_stays_as_long_as_it_was_asked_to() -> None:
    start, naps = ScriptedStart(), Naps()
    engines = pool(start, naps)
    async with engines.lease(MODEL):
        engines.keep(MODEL.reference, 5.0)
    await naps.until_begun(5.0)
    assert [status.unloads_in_s for status in engines.statuses()] == [5.0]
    await naps.end(5.0)
    await ended(start)
    assert engines.statuses() == ()
    await engines.aclose()


async def test_an_unused_model_is_unloaded_when_nobody_wants_to_keep_it() -> None:
    start, naps = ScriptedStart(), Naps()
    engines = pool(start, naps)
    async with engines.lease(MODEL):
        pass
    await naps.until_begun(Settings().model_idle_s)
    await naps.end(0)
    engines.keep(MODEL.reference, 0)
    await ended(start)
    assert engines.statuses() == ()
    await engines.aclose()


async def test_a_model_in_use_is_unloaded_only_after_its_use() -> None:
    start, naps = ScriptedStart(), Naps()
    await naps.end(0)
    engines = pool(start, naps)
    async with engines.lease(MODEL):
        engines.keep(MODEL.reference, 0)
        await asyncio.sleep(0)
        assert not start.engines[0].closed
    await ended(start)
    await engines.aclose()
