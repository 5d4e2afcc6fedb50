"""Loaded models and who uses them.

    async with engines.lease(model, who="conversation 7") as engine:
        …

A lease waits for its turn, loads the model on first use and keeps it loaded; leaving the block is the
only way to give the place back. An engine has as many places as slots. A model that nobody has used for
a while is unloaded, and so is the one that is missed least when another needs its memory (`room.py`). Where
all are in use, one takes no newcomers until whoever waits for another model has had its turn.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from fireside.cards import EngineStatus
from fireside.engines.crashes import Crashes, EngineCounts
from fireside.engines.fit import memory_allows, refuse_what_never_fits
from fireside.engines.loaded import Loaded, key_of
from fireside.engines.places import Key, Line, Promise, Queue, Ticket, Waiting
from fireside.engines.protocol import Engine, LoadProgress, ModelFile
from fireside.engines.registry import StartEngine
from fireside.engines.room import Fits, Refuse, Room
from fireside.engines.spare import SpareUse
from fireside.errors import EngineCrashed, EngineUnavailable
from fireside.profiles import slots_of
from fireside.settings import Settings


class _Asked:
    """One request for a model, in its line or with a place."""

    def __init__(self, model: ModelFile, ticket: Ticket, progress: LoadProgress | None) -> None:
        self.model = model
        self.ticket = ticket
        self.progress = progress
        self.key = key_of(model)
        self.given: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        self.since = 0.0


class Engines:
    """The pool. `start` loads a model; as many engines live at once as have room."""

    def __init__(
        self,
        start: StartEngine,
        settings: Settings,
        *,
        fits: Fits = memory_allows,
        refuse: Refuse = refuse_what_never_fits,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._settings = settings
        self.width = slots_of(settings)
        """how many an engine usually answers at once"""
        self._room = Room(settings.memory_budget, self.width, fits=fits, refuse=refuse)
        self._sleep = sleep
        self._clock = clock
        self._queue = Queue(settings.queue_length, settings.queue_length_each, self.width)
        self._asked: dict[Ticket, _Asked] = {}
        """who waits"""
        self._wanted: dict[Key, Loaded] = {}
        self._placed: set[Loaded] = set()
        """those that have, or may now take, memory"""
        self._making_room = asyncio.Lock()
        self._next: Loaded | None = None
        """for whom room is being made"""
        self._leaving: Loaded | None = None
        """who takes no newcomers any more, to make that room"""
        self._crashes = Crashes(clock)
        self._starts = 0
        self._spare = SpareUse()
        self._changed = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def lease(
        self,
        model: ModelFile,
        progress: LoadProgress | None = None,
        *,
        who: str = "",
        waiting: Waiting | None = None,
        promise: Promise | None = None,
    ) -> AsyncIterator[Engine]:
        """Give the engine of `model` when it is `who`'s turn, loading it first where needed.

        `progress` hears the load, `waiting` each new place in the queue. TooBusy where the queue is
        full and nothing was promised, NotEnoughMemory where the model can't fit.
        """
        asked = self._ask(model, progress, who, waiting, promise)
        try:
            self._go_on()
            loaded = await asked.given
            assert loaded.engine is not None  # noqa: S101 - places are given in loaded engines only
            yield loaded.engine
        finally:
            self._leave(asked)

    def promise(self, reference: str, who: str) -> Promise:
        """Return the promise that a later lease of the model may wait; TooBusy where the queue is full.

        What can't be answered soon is so refused before anything of it is stored.
        """
        loaded = next((one for one in self._wanted.values() if one.model.reference == reference), None)
        line = self._queue.line(loaded.key) if loaded else Line()
        return self._queue.promise(line, who, free=loaded.free if loaded else self.width)

    @asynccontextmanager
    async def spare(self, model: ModelFile) -> AsyncIterator[Engine | None]:
        """Give the engine of `model` where it is loaded and nobody uses or waits for any; else None.

        It takes no place: whoever asks for one has it at once, and the task in this block is cancelled.
        """
        loaded = self._wanted.get(key_of(model))
        busy = self._closed or self._asked or any(other.users for other in self._wanted.values())
        if busy or loaded is None or loaded.engine is None or not loaded.engine.alive:
            yield None
            return
        with self._spare.here():
            yield loaded.engine

    def keep(self, reference: str, idle_s: float) -> None:
        """Keep a loaded model for `idle_s` seconds after its last use; 0 unloads it once nobody uses it."""
        for loaded in list(self._wanted.values()):
            if loaded.model.reference == reference:
                loaded.idle_s = idle_s
                if loaded.idling:
                    loaded.idling.cancel()
                    self._begin_to_idle(loaded)

    @property
    def alive(self) -> tuple[Engine, ...]:
        """The loaded engines."""
        engines = [loaded.engine for loaded in list(self._wanted.values())]
        return tuple(engine for engine in engines if engine is not None and engine.alive)

    @property
    def queued(self) -> int:
        """How many wait, for whichever engine."""
        return len(self._queue)

    def counts(self) -> EngineCounts:
        return EngineCounts(self._starts, self._crashes.total)

    def statuses(self) -> tuple[EngineStatus, ...]:
        """Return what is loaded."""
        return tuple(
            loaded.status(self._queue.line(key), self._clock())
            for key, loaded in self._wanted.items()
            if loaded.engine is not None and loaded.engine.alive
        )

    async def aclose(self) -> None:
        """End every engine, used or not; whoever waits is told."""
        self._closed = True
        self._spare.end()
        loads = [loaded.load for loaded in self._wanted.values() if loaded.load]
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)
        self._fail(self._asked.values(), _stopping())
        for loaded in list(self._wanted.values()):
            self._remove(loaded)
        while self._ending:
            await asyncio.gather(*self._ending)

    # -- the queue

    def _ask(
        self,
        model: ModelFile,
        progress: LoadProgress | None,
        who: str,
        waiting: Waiting | None,
        promise: Promise | None,
    ) -> _Asked:
        if self._closed:
            raise _stopping()
        self._spare.end()
        loaded = self._wanted.get(key_of(model))
        at_once = loaded is not None and loaded.engine is not None and loaded.free > 0
        ticket = self._queue.join(key_of(model), who, waiting, at_once=at_once, promise=promise)
        asked = self._asked[ticket] = _Asked(model, ticket, progress)
        if progress and loaded and not loaded.engine:
            progress(loaded.share)
        return asked

    def _go_on(self) -> None:
        """Give free places to those whose turn it is, and begin the loads that somebody waits for."""
        if self._closed:
            return
        for key, line in self._queue.lines():
            loaded = self._wanted.get(key)
            if loaded and loaded.engine and not loaded.engine.alive:
                self._bury(loaded)
                loaded = None
            if loaded is None:
                loaded = self._begin_to_load(self._asked[next(iter(line))].model)
            elif loaded.engine:
                self._give_places(loaded, line)
            line.tell(loaded.slots, 0 if loaded is self._leaving else loaded.free)

    def _give_places(self, loaded: Loaded, line: Line) -> None:
        before = math.inf
        if loaded is self._leaving and self._next:
            before = self._queue.line(self._next.key).first_number
        while loaded.free and (ticket := line.take(before=before)):
            asked = self._asked.pop(ticket)
            self._queue.left(ticket)
            if not asked.given.cancelled():
                loaded.rest()
                loaded.stay(asked.model)
                loaded.users += 1
                asked.since = self._clock()
                asked.given.set_result(loaded)

    def _leave(self, asked: _Asked) -> None:
        """Take back a place, or let somebody leave the queue."""
        if asked.ticket in self._asked:
            self._leave_line(asked)
            self._forget_unwanted(asked.model)
        elif asked.given.done() and not asked.given.cancelled() and not asked.given.exception():
            self._give_back(asked.given.result(), asked)
        self._go_on()

    def _leave_line(self, asked: _Asked) -> None:
        del self._asked[asked.ticket]
        self._queue.line(asked.key).leave(asked.ticket)
        self._queue.left(asked.ticket)

    def _forget_unwanted(self, model: ModelFile) -> None:
        """Give up a load that waits for room, when nobody waits for it any more."""
        loaded = self._wanted.get(key_of(model))
        if loaded and loaded.load and loaded.needs_room and not self._queue.line(key_of(model)):
            del self._wanted[key_of(model)]
            loaded.load.cancel()

    def _give_back(self, loaded: Loaded, asked: _Asked) -> None:
        loaded.users -= 1
        line = self._queue.line(loaded.key)
        line.count_held(self._clock() - asked.since)
        if loaded.engine is None or self._wanted.get(loaded.key) is not loaded:
            return
        if not loaded.engine.alive:
            self._bury(loaded)
            return
        self._give_places(loaded, line)
        if not loaded.users:
            self._begin_to_idle(loaded)

    def _fail(self, those: Iterable[_Asked], error: BaseException) -> None:
        for asked in those:
            if not asked.given.done():
                asked.given.set_exception(error)

    # -- loading

    def _begin_to_load(self, model: ModelFile) -> Loaded:
        loaded = self._wanted[key_of(model)] = Loaded(model, self._settings)
        loaded.load = asyncio.create_task(self._load(loaded))
        loaded.load.add_done_callback(lambda load: self._loading_ended(loaded, load))
        return loaded

    def _loading_ended(self, loaded: Loaded, load: asyncio.Task[None]) -> None:
        error = None if load.cancelled() else load.exception()
        if error:
            waiting = [self._asked[ticket] for ticket in self._queue.line(loaded.key)]
            for asked in waiting:
                self._leave_line(asked)
            self._fail(waiting, error)
            self._go_on()

    async def _load(self, loaded: Loaded) -> None:
        try:
            if loaded.model.engine != "remote":  # it takes no memory here
                await self._make_room(loaded)
            await self._wait_after_crashes(loaded.model)
            self._starts += 1
            loaded.engine = await self._start(
                loaded.model, self._settings, lambda share: self._tell(loaded, share)
            )
        except EngineCrashed:
            self._crashes.count(loaded.key)
            raise
        finally:
            if loaded.engine is None:
                if self._wanted.get(loaded.key) is loaded:
                    del self._wanted[loaded.key]
                self._leave_place(loaded)
        self._go_on()
        if not loaded.users:
            self._begin_to_idle(loaded)

    def _tell(self, loaded: Loaded, share: float) -> None:
        loaded.share = share
        for ticket in self._queue.line(loaded.key):
            if progress := self._asked[ticket].progress:
                progress(share)

    async def _make_room(self, loaded: Loaded) -> None:
        """Wait until `loaded` may take memory; whoever asked for room first gets it first."""
        loaded.needs_room = self._making_room.locked() or not self._room.has(loaded.model, self._placed)
        self._go_on()
        async with self._making_room:
            self._next = loaded
            try:
                self._room.check(loaded.model, self._placed)
                while not self._room.has(loaded.model, self._placed):
                    self._clear_one(loaded.model)
                    await self._changed.wait()
                if not self._placed:
                    self._room.check(loaded.model, ())
                self._placed.add(loaded)
            finally:
                self._next = self._leaving = None
                loaded.needs_room = False
        self._go_on()

    def _clear_one(self, model: ModelFile) -> None:
        """End the idle engine that is missed least; where none is idle, one takes no newcomers."""
        if any(self._wanted.get(loaded.key) is not loaded for loaded in self._placed):
            return  # one ends already
        ready = [loaded for loaded in self._placed if loaded.engine]
        if idle := self._room.first_to_go(model, self._placed):
            self._remove(idle)
        elif ready and self._leaving not in ready:
            self._leaving = min(ready, key=lambda loaded: loaded.users)

    async def _wait_after_crashes(self, model: ModelFile) -> None:
        left_s = self._crashes.wait_s(key_of(model))
        if left_s > 0:
            await self._sleep(left_s)

    # -- ending

    def _begin_to_idle(self, loaded: Loaded) -> None:
        loaded.unused_since = self._clock()
        loaded.idling = asyncio.create_task(self._unload_later(loaded))
        self._tell_the_waiting()

    async def _unload_later(self, loaded: Loaded) -> None:
        await self._sleep(loaded.idle_s)
        loaded.idling = None
        self._remove(loaded)

    def _bury(self, loaded: Loaded) -> None:
        self._crashes.count(loaded.key)
        self._remove(loaded)

    def _remove(self, loaded: Loaded) -> None:
        """Forget the engine now, and end it in the background; its place is free once it has ended."""
        self._wanted.pop(loaded.key, None)
        loaded.rest()
        task = asyncio.create_task(self._end(loaded))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, loaded: Loaded) -> None:
        try:
            if loaded.engine:
                await loaded.engine.aclose()
        finally:
            self._leave_place(loaded)

    def _leave_place(self, loaded: Loaded) -> None:
        self._placed.discard(loaded)
        self._tell_the_waiting()

    def _tell_the_waiting(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _stopping() -> EngineUnavailable:
    return EngineUnavailable("the server is stopping", hint="start it again, then ask again")
