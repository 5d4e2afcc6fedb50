"""Models that rest with threads which no longer suit the machine: unloaded, and loaded anew when asked.

An engine keeps the threads that it was started with. Where a game has begun meanwhile, or has ended, or the
plug was pulled, another number would be many times faster; what it has read is saved and comes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from fireside.cards import EngineStatus
from fireside.engines.conditions import Watch
from fireside.engines.protocol import Engine
from fireside.engines.threads import Conditions, Threads, choose

LOOK_EVERY_S = 60.0
RESTED_S = 1.0
"""of processor time at most: an engine that took more between two looks was at work"""
FAR_APART = 1.5
"""times as many threads, or as few: less is not worth a load"""
log = logging.getLogger(__name__)


class Pool(Protocol):
    """What this needs of the loaded models."""

    @property
    def alive(self) -> Sequence[Engine]: ...

    def statuses(self) -> Sequence[EngineStatus]: ...

    def keep(self, reference: str, idle_s: float) -> None: ...


class Look(Protocol):
    """What was seen between two looks."""

    def conditions(self, pid: int) -> Conditions: ...

    def worked_s(self, pid: int) -> float: ...


class Refit:
    """Looks now and then. Who has asked for a model to stay, `models load --keep`, keeps it as it is."""

    def __init__(self, pool: Pool, idle_s: float) -> None:
        self._pool = pool
        self._idle_s = idle_s
        """how long models stay that nobody has said more about"""
        self._suspects: dict[int, Threads] = {}
        """by process: what would have suited at the last look"""

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        while True:
            look = Watch(engine.info.pid for engine in self._pool.alive if engine.info.pid)
            await sleep(LOOK_EVERY_S)
            self.judge(look)

    def judge(self, look: Look) -> None:
        """Unload what rests and suits neither now nor the last time."""
        resting = {
            status.pid
            for status in self._pool.statuses()
            if not status.users and (status.unloads_in_s or 0.0) <= self._idle_s
        }
        suspects: dict[int, Threads] = {}
        for engine in self._pool.alive:
            info = engine.info
            if info.pid not in resting or info.pid is None or info.choice is None:
                continue
            if info.device == "gpu" or look.worked_s(info.pid) > RESTED_S:
                continue
            suiting = choose(info.choice, look.conditions(info.pid))
            if not far_apart(Threads(info.threads or 1, info.prompt_threads or 1), suiting):
                continue
            if info.pid in self._suspects:
                log.info("%s is unloaded: %s threads would suit the machine better", info.model, suiting)
                self._pool.keep(info.model, 0.0)
            suspects[info.pid] = suiting
        self._suspects = suspects


def far_apart(had: Threads, suiting: Threads) -> bool:
    """
    >>> far_apart(Threads(1, 2), Threads(1, 1)), far_apart(Threads(7, 8), Threads(6, 7))
    (True, False)
    """
    pairs = ((had.reply, suiting.reply), (had.prompt, suiting.prompt))
    return any(max(pair) >= FAR_APART * min(pair) for pair in pairs)
