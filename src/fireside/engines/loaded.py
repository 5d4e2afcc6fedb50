"""One model in the pool: being loaded, loaded, or about to end."""

from __future__ import annotations

import asyncio

from fireside.cards import EngineStatus
from fireside.engines import machine
from fireside.engines.places import Key, Line
from fireside.engines.protocol import Engine, ModelFile
from fireside.profiles import slots_of
from fireside.settings import Settings


def key_of(model: ModelFile) -> Key:
    """Return what tells this model's engine from others."""
    return model.identity, model.context_length, model.weighs


class Loaded:
    """A model that is being loaded, or is; `users` have a place there."""

    def __init__(self, model: ModelFile, settings: Settings) -> None:
        self.model = model
        self.key = key_of(model)
        self._slots = slots_of(settings, model.tuned)
        self.idle_s = settings.model_idle_s
        """how long it stays when nobody uses it"""
        self.stay(model)
        self.engine: Engine | None = None
        self.load: asyncio.Task[None] | None = None
        self.idling: asyncio.Task[None] | None = None
        self.needs_room = False
        self.users = 0
        self.unused_since = 0.0
        self.share = 0.0

    @property
    def slots(self) -> int:
        return self.engine.info.slots if self.engine else self._slots

    @property
    def free(self) -> int:
        """How many places can be had, now or once it is loaded."""
        return 0 if self.needs_room else self.slots - self.users

    def stay(self, model: ModelFile) -> None:
        """Stay as long as `model` says, which is this one, perhaps under another name."""
        if model.idle_s is not None:
            self.idle_s = model.idle_s

    def rest(self) -> None:
        """Count the time without users no longer."""
        if self.idling:
            self.idling.cancel()
            self.idling = None

    def status(self, line: Line, now_s: float) -> EngineStatus:
        """Return what a person may know of the engine; `line` waits for it."""
        assert self.engine is not None  # noqa: S101 - only what is loaded has a status
        info = self.engine.info
        idle_since = now_s if self.users else self.unused_since
        return EngineStatus(
            model=info.model,
            engine=info.engine,
            device=info.device,
            context_length=info.context_length,
            slots=info.slots,
            users=self.users,
            load_ms=info.load_ms,
            resident_bytes=machine.resident_bytes(info.pid) if info.pid is not None else None,
            pid=info.pid,
            notices=info.notices,
            queued=len(line),
            expected_wait_s=0.0 if self.free > 0 else line.expected_s(len(line) + 1, self.slots),
            unloads_in_s=max(0.0, idle_since + self.idle_s - now_s),
            place=info.place,
            build=info.build,
            threads=info.threads,
            prompt_threads=info.prompt_threads,
            tuned=info.tuned,
            threads_because=info.threads_because,
        )
