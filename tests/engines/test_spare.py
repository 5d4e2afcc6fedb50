"""Work that nobody waits for: it gets an engine only while nobody else wants one, and gives way at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from fireside.engines.leases import Engines
from fireside.settings import Settings
from scripted import ScriptedStart, a_model

ONE, OTHER = (a_model(f"file:/{name}.gguf") for name in ("one", "other"))


def pool(start: ScriptedStart | None = None) -> Engines:
    return Engines(start or ScriptedStart(), Settings(slots=1), fits=lambda *_: True)


async def loaded(engines: Engines) -> None:
    async with engines.lease(ONE):
        pass


async def test_spare_work_has_an_engine_that_nobody_uses() -> None:
    engines = pool()
    await loaded(engines)
    async with engines.spare(ONE) as engine:
        assert engine is not None
        assert engines.statuses()[0].users == 0
    await engines.aclose()


async def test_nothing_is_loaded_for_it() -> None:
    start = ScriptedStart()
    engines = pool(start)
    async with engines.spare(ONE) as engine:
        assert engine is None
    assert start.loads == []
    await engines.aclose()


async def test_it_gets_nothing_while_somebody_uses_any_engine() -> None:
    engines = pool()
    await loaded(engines)
    async with engines.lease(OTHER), engines.spare(ONE) as engine:
        assert engine is None
    await engines.aclose()


async def test_whoever_asks_has_the_place_at_once_and_ends_the_spare_work() -> None:
    engines = pool()
    await loaded(engines)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with engines.spare(ONE):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    working = asyncio.create_task(work())
    await begun.wait()
    async with AsyncExitStack() as stack:
        # Nothing is awaited between: the only slot is given although the work has not yet ended.
        lease = asyncio.create_task(stack.enter_async_context(engines.lease(ONE)))
        assert (await lease).alive
        await asyncio.wait([working])
        assert working.cancelled()
        assert ended.is_set()
    await engines.aclose()


async def test_a_closing_pool_ends_it() -> None:
    engines = pool()
    await loaded(engines)
    begun = asyncio.Event()

    async def work() -> None:
        async with engines.spare(ONE):
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await begun.wait()
    await engines.aclose()
    await asyncio.wait([working])
    assert working.cancelled()
