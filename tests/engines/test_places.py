"""Who gets a place, in which order, and who is sent away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fireside.engines.leases import Engines
from fireside.engines.places import Place
from fireside.engines.protocol import ModelFile
from fireside.errors import EngineUnavailable, TooBusy
from fireside.settings import Settings
from scripted import ScriptedEngine, ScriptedStart, a_model

ONE, OTHER, THIRD = (a_model(f"file:/{name}.gguf") for name in ("one", "other", "third"))
SLOTS = 2
"""what a scripted engine has"""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Room:
    """A pool, and a log of who got a place in which order."""

    def __init__(self, *, fits: bool = False, queue_length: int = 64, each: int = 16) -> None:
        self.start = ScriptedStart()
        self.clock = Clock()
        settings = Settings(slots=SLOTS, queue_length=queue_length, queue_length_each=each)
        self.engines = Engines(
            self.start, settings, fits=lambda *_: fits, refuse=lambda *_: None, clock=self.clock
        )
        self.served: list[str] = []
        self.told: dict[str, list[Place]] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, model: ModelFile = ONE) -> None:
        """Ask as the asker that `name` begins with, and let everything happen that can."""
        self.told[name] = []
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._use(name, model))
        await settle()

    async def _use(self, name: str, model: ModelFile) -> None:
        async with self.engines.lease(model, who=name[0], waiting=self.told[name].append):
            self.served.append(name)
            await self._ends[name].wait()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await settle()

    async def leave(self, name: str) -> None:
        self.tasks[name].cancel()
        await settle()

    def users(self) -> dict[str, int]:
        return {status.model: status.users for status in self.engines.statuses()}


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@asynccontextmanager
async def room(*, fits: bool = False, queue_length: int = 64, each: int = 16) -> AsyncIterator[Room]:
    made = Room(fits=fits, queue_length=queue_length, each=each)
    try:
        yield made
    finally:
        for task in made.tasks.values():
            task.cancel()
        await asyncio.gather(*made.tasks.values(), return_exceptions=True)
        await made.engines.aclose()


async def test_an_engine_serves_as_many_at_once_as_it_has_slots() -> None:
    async with room() as pool:
        for name in ("a1", "a2", "a3"):
            await pool.ask(name)
        assert pool.served == ["a1", "a2"]
        await pool.end("a2")
        assert pool.served == ["a1", "a2", "a3"]
        assert pool.users() == {ONE.reference: 2}


async def test_askers_take_turns_and_keep_their_own_order() -> None:
    async with room() as pool:
        for name in ("a1", "a2", "a3", "a4", "a5", "b1", "c1", "b2"):
            await pool.ask(name)
        order = ["a1", "a2", "a3", "b1", "c1", "a4", "b2", "a5"]
        for at in range(len(order)):
            await pool.end(order[at])
        assert pool.served == order


async def test_newcomers_overtake_nobody_for_ever() -> None:
    async with room() as pool:
        for name in ("x1", "y1", "a1", "a2"):
            await pool.ask(name)
        busy = ["x1", "y1"]
        for newcomer in "bcdefg":
            await pool.ask(f"{newcomer}1")
            await pool.end(busy.pop(0))
            busy.append(pool.served[-1])
        assert "a2" in pool.served


async def test_whoever_waits_hears_the_place_and_how_long_it_will_take() -> None:
    async with room() as pool:
        for name in ("a1", "b1", "c1", "d1"):
            await pool.ask(name)
        assert pool.told["a1"] == []
        assert pool.told["d1"] == [Place(2, None)]
        pool.clock.now = 10.0
        await pool.end("a1")
        assert pool.told["d1"] == [Place(2, None), Place(1, 5.0)]
        status = pool.engines.statuses()[0]
        assert (status.users, status.queued, status.expected_wait_s) == (2, 1, 10.0)
        assert pool.engines.queued == 1


async def test_whoever_leaves_the_queue_is_out_of_it_at_once() -> None:
    async with room() as pool:
        for name in ("a1", "b1", "c1", "d1"):
            await pool.ask(name)
        await pool.leave("c1")
        assert pool.engines.queued == 1
        assert pool.told["d1"][-1].position == 1
        await pool.end("a1")
        assert pool.served == ["a1", "b1", "d1"]


async def test_leaving_in_the_very_moment_of_being_served_loses_no_place() -> None:
    async with room() as pool:
        for name in ("a1", "b1", "c1", "d1"):
            await pool.ask(name)
        pool._ends["a1"].set()
        while pool.engines.queued == 2:
            await asyncio.sleep(0)
        pool.tasks["c1"].cancel()
        await settle()
        assert pool.served == ["a1", "b1", "d1"]
        await pool.end("b1", "d1")
        assert pool.users() == {ONE.reference: 0}


async def test_one_asker_may_fill_only_its_share_of_the_queue() -> None:
    async with room(queue_length=4, each=2) as pool:
        for name in ("a1", "a2", "a3", "a4"):
            await pool.ask(name)
        with pytest.raises(TooBusy, match="2 of your requests"):
            await pool.engines.lease(ONE, who="a").__aenter__()
        await pool.ask("b1")
        await pool.ask("b2")
        with pytest.raises(TooBusy, match="4 requests wait already; 4 is the most"):
            await pool.engines.lease(ONE, who="c").__aenter__()
        assert pool.engines.queued == 4


async def test_who_was_promised_a_place_is_not_sent_away() -> None:
    async with room(queue_length=2, each=2) as pool:
        for name in ("a1", "b1", "c1"):
            await pool.ask(name)
        promise = pool.engines.promise(ONE.reference, "d")
        with pytest.raises(TooBusy, match="2 requests wait already") as refused:
            pool.engines.promise(ONE.reference, "e")
        assert refused.value.hint is not None
        assert "try again in about 1 s" in refused.value.hint
        with pytest.raises(TooBusy):
            await pool.engines.lease(ONE, who="e").__aenter__()
        waiting = asyncio.create_task(pool.engines.lease(ONE, who="d", promise=promise).__aenter__())
        await settle()
        assert pool.engines.queued == 2
        with pytest.raises(TooBusy):
            pool.engines.promise(ONE.reference, "e")
        await pool.leave("c1")
        pool.engines.promise(ONE.reference, "e").end()
        waiting.cancel()


async def test_a_promise_that_nobody_needs_any_more_keeps_no_place() -> None:
    async with room(queue_length=1) as pool:
        for name in ("a1", "b1"):
            await pool.ask(name)
        promise = pool.engines.promise(ONE.reference, "c")
        promise.end()
        promise.end()
        again = pool.engines.promise(ONE.reference, "c")
        with pytest.raises(TooBusy, match="1 requests wait already"):
            pool.engines.promise(ONE.reference, "d")
        again.end()
        await pool.end("a1")
        free = pool.engines.promise(ONE.reference, "d"), pool.engines.promise(ONE.reference, "e")
        assert len({id(one) for one in free}) == 2, "one is served at once, the other may wait"


async def test_retry_after_is_measured() -> None:
    async with room(queue_length=1) as pool:
        for name in ("a1", "b1", "c1"):
            await pool.ask(name)
        pool.clock.now = 30.0
        await pool.end("a1")
        await pool.ask("d1")
        with pytest.raises(TooBusy) as caught:
            await pool.engines.lease(ONE, who="e").__aenter__()
        assert caught.value.retry_after_s == 15


async def test_a_full_queue_keeps_nobody_from_a_free_place() -> None:
    async with room(fits=True, queue_length=1) as pool:
        for name in ("a1", "b1", "c1"):
            await pool.ask(name)
        with pytest.raises(TooBusy):
            await pool.engines.lease(OTHER, who="d").__aenter__()
        await pool.end("a1")
        await pool.ask("d1", OTHER)
        await pool.ask("e1")
        await pool.ask("d2", OTHER)
        assert pool.served == ["a1", "b1", "c1", "d1", "d2"]


async def test_a_waiting_model_gets_its_turn_though_the_loaded_one_is_never_idle() -> None:
    async with room() as pool:
        await pool.ask("a1")
        await pool.ask("b1")
        await pool.ask("z1", OTHER)
        assert pool.told["z1"] == [Place(1, None)]
        await pool.ask("c1")
        await pool.end("a1")
        assert pool.served == ["a1", "b1"], "a later one doesn't overtake the model that waits"
        await pool.end("b1")
        assert pool.served == ["a1", "b1", "z1"]
        await pool.end("z1")
        assert pool.served == ["a1", "b1", "z1", "c1"]


async def test_those_who_came_before_the_waiting_model_are_served_before_it() -> None:
    async with room() as pool:
        for name in ("a1", "b1", "c1"):
            await pool.ask(name)
        await pool.ask("z1", OTHER)
        await pool.ask("d1")
        await pool.end("a1", "b1", "c1")
        assert pool.served == ["a1", "b1", "c1", "z1"]


async def test_models_get_room_in_the_order_in_which_they_were_asked_for() -> None:
    async with room() as pool:
        await pool.ask("a1")
        await pool.ask("z1", OTHER)
        await pool.ask("y1", THIRD)
        await pool.end("a1", "z1")
        assert pool.served == ["a1", "z1", "y1"]


async def test_when_nobody_waits_for_a_model_any_more_no_room_is_made_for_it() -> None:
    async with room() as pool:
        await pool.ask("a1")
        await pool.ask("z1", OTHER)
        await pool.ask("b1")
        assert pool.served == ["a1"]
        await pool.leave("z1")
        assert pool.served == ["a1", "b1"]
        await pool.ask("z2", OTHER)
        await pool.end("a1", "b1")
        assert pool.served == ["a1", "b1", "z2"]


async def test_whoever_waits_is_told_when_the_server_stops() -> None:
    async with room() as pool:
        for name in ("a1", "b1", "c1"):
            await pool.ask(name)
        await pool.engines.aclose()
        with pytest.raises(EngineUnavailable):
            await pool.tasks["c1"]


async def test_an_engine_that_dies_is_replaced_for_those_who_wait() -> None:
    async with room() as pool:
        for name in ("a1", "b1", "c1"):
            await pool.ask(name)
        first = pool.start.engines[0]
        assert isinstance(first, ScriptedEngine)
        first.crash()
        await pool.end("a1")
        assert pool.served == ["a1", "b1", "c1"]
        assert pool.engines.counts().crashes == 1
        assert pool.engines.counts().starts == 2
