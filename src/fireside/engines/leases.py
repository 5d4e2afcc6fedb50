"""Loaded models and who uses them.

    async with engines.lease(model) as engine:
        …

A lease loads the model on first use and keeps it loaded; leaving the block is the only way to
give it back. Whoever asks while a load runs waits for the same one. A model that nobody has used
for a while is unloaded, and so is the one that was unused longest when another needs its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fireside.cards import EngineStatus
from fireside.engines import machine
from fireside.engines.protocol import Engine, LoadProgress, ModelFile
from fireside.engines.registry import StartEngine
from fireside.errors import EngineCrashed, EngineUnavailable
from fireside.settings import Settings

LONG_LIFE_S = 60.0
"""Crashes further apart than this are not counted together."""
LONGEST_WAIT_S = 30.0
SPARE_BYTES = 512 * 2**20
_Key = tuple[str, int]


def backoff_s(crashes: int) -> float:
    """Return how long to wait before a start, after so many quick crashes in a row.

    >>> [backoff_s(crashes) for crashes in range(9)]
    [0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """
    return min(LONGEST_WAIT_S, 2.0 ** (crashes - 2)) if crashes > 1 else 0.0


def memory_allows(model: ModelFile) -> bool:
    """Return whether `model` fits beside what is loaded; where nobody tells, it doesn't."""
    available = machine.available_bytes()
    try:
        size_bytes = model.path.stat().st_size
    except OSError:
        return False
    return available is not None and available > size_bytes * 1.25 + SPARE_BYTES


class _Loaded:
    """A model that is being loaded, or is."""

    def __init__(self, model: ModelFile) -> None:
        self.model = model
        self.engine: Engine | None = None
        self.load: asyncio.Task[Engine] | None = None
        self.idling: asyncio.Task[None] | None = None
        self.users = 0
        self.unused_since = 0.0
        self.idle_s: float | None = None
        """how long it stays when nobody uses it, where somebody said so"""
        self.share = 0.0
        self.listeners: list[LoadProgress] = []

    def tell(self, share: float) -> None:
        self.share = share
        for listener in self.listeners:
            listener(share)


class _Crashes:
    """How often a model's engines crashed quickly in a row, and when the last one did."""

    def __init__(self) -> None:
        self.count = 0
        self.last_at = -LONG_LIFE_S


class Engines:
    """The pool. `start` loads a model; `max_loaded` engines may live at once, memory permitting."""

    def __init__(
        self,
        start: StartEngine,
        settings: Settings,
        *,
        max_loaded: int = 2,
        fits: Callable[[ModelFile], bool] = memory_allows,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._settings = settings
        self._max_loaded = max_loaded
        self._fits = fits
        self._sleep = sleep
        self._clock = clock
        self._wanted: dict[_Key, _Loaded] = {}
        self._placed: set[_Loaded] = set()
        """those that have, or may now take, memory"""
        self._crashes: dict[_Key, _Crashes] = {}
        self._changed = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def lease(self, model: ModelFile, progress: LoadProgress | None = None) -> AsyncIterator[Engine]:
        """Give the engine of `model`, loading it first where needed; `progress` hears the load."""
        loaded = self._find(model)
        loaded.users += 1
        if loaded.idling:
            loaded.idling.cancel()
            loaded.idling = None
        try:
            yield await self._await_load(loaded, progress)
        finally:
            self._give_back(loaded)

    def keep(self, reference: str, idle_s: float) -> None:
        """Keep a loaded model for `idle_s` seconds after its last use; 0 unloads it once nobody uses it."""
        for loaded in list(self._wanted.values()):
            if loaded.model.reference == reference:
                loaded.idle_s = idle_s
                if loaded.idling:
                    loaded.idling.cancel()
                    self._begin_to_idle(loaded)

    def statuses(self) -> tuple[EngineStatus, ...]:
        """Return what is loaded."""
        return tuple(
            _status(loaded.engine, loaded.users, self._unloads_in_s(loaded))
            for loaded in self._wanted.values()
            if loaded.engine is not None and loaded.engine.alive
        )

    async def aclose(self) -> None:
        """End every engine, used or not."""
        self._closed = True
        loads = [loaded.load for loaded in self._wanted.values() if loaded.load]
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)
        for loaded in list(self._wanted.values()):
            self._remove(loaded)
        while self._ending:
            await asyncio.gather(*self._ending)

    def _find(self, model: ModelFile) -> _Loaded:
        if self._closed:
            raise EngineUnavailable("the server is stopping", hint="start it again, then ask again")
        loaded = self._wanted.get(_key(model))
        if loaded and loaded.engine and not loaded.engine.alive:
            self._bury(loaded)
            loaded = None
        if loaded is None:
            loaded = self._wanted[_key(model)] = _Loaded(model)
            loaded.load = asyncio.create_task(self._load(loaded))
            # Somebody may have asked and left: then nobody is there to hear of a failure.
            loaded.load.add_done_callback(lambda load: load.cancelled() or load.exception())
        return loaded

    async def _await_load(self, loaded: _Loaded, progress: LoadProgress | None) -> Engine:
        if loaded.engine is not None:
            return loaded.engine
        assert loaded.load is not None  # noqa: S101 - `_find` started it
        if progress:
            progress(loaded.share)
            loaded.listeners.append(progress)
        try:
            # Whoever gives up leaves the load to the others that wait for it.
            await asyncio.wait({loaded.load})
        finally:
            if progress:
                loaded.listeners.remove(progress)
        if loaded.load.cancelled():
            raise EngineUnavailable("the server is stopping", hint="start it again, then ask again")
        return loaded.load.result()

    async def _load(self, loaded: _Loaded) -> Engine:
        try:
            await self._make_room(loaded)
            await self._wait_after_crashes(loaded.model)
            loaded.engine = await self._start(loaded.model, self._settings, loaded.tell)
        except EngineCrashed:
            self._count_crash(loaded.model)
            raise
        finally:
            if loaded.engine is None:
                self._wanted.pop(_key(loaded.model), None)
                self._leave_place(loaded)
        if not loaded.users:
            self._begin_to_idle(loaded)
        return loaded.engine

    async def _make_room(self, loaded: _Loaded) -> None:
        while not self._has_room(loaded.model):
            idle = [other for other in self._placed if other.engine and not other.users]
            unused_longest = min(idle, key=lambda other: other.unused_since, default=None)
            if unused_longest and self._wanted.get(_key(unused_longest.model)) is unused_longest:
                self._remove(unused_longest)
            await self._changed.wait()
        self._placed.add(loaded)

    def _has_room(self, model: ModelFile) -> bool:
        if not self._placed:
            return True
        return len(self._placed) < self._max_loaded and self._fits(model)

    async def _wait_after_crashes(self, model: ModelFile) -> None:
        crashes = self._crashes.get(_key(model))
        if crashes:
            left_s = crashes.last_at + backoff_s(crashes.count) - self._clock()
            if left_s > 0:
                await self._sleep(left_s)

    def _give_back(self, loaded: _Loaded) -> None:
        loaded.users -= 1
        if loaded.engine is None or self._wanted.get(_key(loaded.model)) is not loaded:
            return
        if not loaded.engine.alive:
            self._bury(loaded)
        elif not loaded.users:
            self._begin_to_idle(loaded)

    def _begin_to_idle(self, loaded: _Loaded) -> None:
        loaded.unused_since = self._clock()
        loaded.idling = asyncio.create_task(self._unload_later(loaded))
        self._tell_the_waiting()

    async def _unload_later(self, loaded: _Loaded) -> None:
        await self._sleep(self._idle_s(loaded))
        loaded.idling = None
        self._remove(loaded)

    def _idle_s(self, loaded: _Loaded) -> float:
        return self._settings.model_idle_s if loaded.idle_s is None else loaded.idle_s

    def _unloads_in_s(self, loaded: _Loaded) -> float:
        begun = self._clock() if loaded.users else loaded.unused_since
        return max(0.0, begun + self._idle_s(loaded) - self._clock())

    def _bury(self, loaded: _Loaded) -> None:
        self._count_crash(loaded.model)
        self._remove(loaded)

    def _count_crash(self, model: ModelFile) -> None:
        crashes = self._crashes.setdefault(_key(model), _Crashes())
        now = self._clock()
        crashes.count = 1 if now - crashes.last_at >= LONG_LIFE_S else crashes.count + 1
        crashes.last_at = now

    def _remove(self, loaded: _Loaded) -> None:
        """Forget the engine now, and end it in the background; its place is free once it has ended."""
        self._wanted.pop(_key(loaded.model), None)
        if loaded.idling:
            loaded.idling.cancel()
            loaded.idling = None
        task = asyncio.create_task(self._end(loaded))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, loaded: _Loaded) -> None:
        try:
            if loaded.engine:
                await loaded.engine.aclose()
        finally:
            self._leave_place(loaded)

    def _leave_place(self, loaded: _Loaded) -> None:
        self._placed.discard(loaded)
        self._tell_the_waiting()

    def _tell_the_waiting(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _key(model: ModelFile) -> _Key:
    return model.identity, model.context_length


def _status(engine: Engine, users: int, unloads_in_s: float) -> EngineStatus:
    info = engine.info
    return EngineStatus(
        model=info.model,
        engine=info.engine,
        device=info.device,
        context_length=info.context_length,
        slots=info.slots,
        users=users,
        load_ms=info.load_ms,
        resident_bytes=machine.resident_bytes(info.pid) if info.pid is not None else None,
        pid=info.pid,
        notices=info.notices,
        unloads_in_s=unloads_in_s,
    )
