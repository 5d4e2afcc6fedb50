"""What `fireside tune` found for each model, and whether it is used: one small file per model.

A profile is used where everything is as it was when it was measured: engine, model, processor and cores.
Once an engine that was started as a profile says can't start or crashes, the profile isn't used any more.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from fireside.engines import machine, processor
from fireside.engines.built import BuiltFirst, chosen
from fireside.engines.llamacpp_builds import build_today
from fireside.engines.loaded import key_of
from fireside.engines.places import Key
from fireside.engines.protocol import Engine, LoadProgress, ModelFile, Vault
from fireside.engines.registry import StartEngine, starter
from fireside.errors import EngineCrashed, EngineOutOfMemory, EngineUnavailable, ModelDamaged
from fireside.profiles import PLAIN, Conditions, Profile, Tuned, Unused, settled
from fireside.settings import Home, Settings
from fireside.written import read_whole, write_whole

FORMULA = 1
"""raised when what is measured, or what follows from it, means something else"""
OTHERS = {
    "engine": "another engine",
    "model": "another file of the model",
    "processor": "another processor",
    "cores": "another number of cores",
    "formula": "another version of Fireside",
}
"""what is said where one of the conditions has changed"""
log = logging.getLogger(__name__)
_processor = functools.cache(processor.identity)


def conditions(model: ModelFile, settings: Settings) -> Conditions:
    """Return what a profile of `model` is measured with today; `settings` name the engine."""
    return Conditions(
        engine=build_today(settings),
        model=model.identity,
        processor=_processor(),
        cores=machine.usable_cores(),
        formula=FORMULA,
    )


class Profiles:
    """The profiles in `folder`. `today` returns the settings that name the engine of today."""

    def __init__(self, folder: Path, today: Callable[[], Settings]) -> None:
        self._folder = folder
        self._today = today

    def look(self, model: ModelFile, settings: Settings | None = None) -> Profile | Unused:
        """Return the profile that is used for `model`, or why none is."""
        path = self._path(model.identity)
        try:
            profile = read_whole(path, Profile)
        except FileNotFoundError:
            return Unused(model.reference)
        except OSError as error:
            return Unused(model.reference, f"{path} can't be read: {error.strerror}")
        except msgspec.MsgspecError as error:
            return Unused(model.reference, f"{path} is damaged: {error}")
        if profile.failed:
            return Unused(model.reference, profile.failed)
        now = conditions(model, settings or self._today())
        for name, words in OTHERS.items():
            if getattr(profile.measured_with, name) != getattr(now, name):
                return Unused(model.reference, f"it was measured with {words}", outdated=True)
        return profile

    def tuned(self, model: ModelFile, settings: Settings | None = None) -> Tuned:
        """Return how `model` runs best, as far as a profile that is used tells it."""
        if model.engine != "llamacpp" or model.pooling:
            return PLAIN
        found = self.look(model, settings)
        return found.tuned if isinstance(found, Profile) else PLAIN

    def write(self, profile: Profile) -> None:
        """Keep a profile, for its owner alone. OSError where the folder can't be written."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = msgspec.json.format(msgspec.json.encode(profile))
        write_whole(self._path(profile.measured_with.model), data)

    def withdraw(self, model: ModelFile, reason: str) -> None:
        """Use a profile no more; its file says why."""
        log.warning("the profile of %s is not used any more: %s", model.reference, reason)
        try:
            found = read_whole(self._path(model.identity), Profile)
            self.write(msgspec.structs.replace(found, failed=reason))
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("that could not be noted: %s", error)

    def remove(self, model: ModelFile | None = None) -> int:
        """Delete the profile of `model`, or all; return how many there were."""
        paths = [self._path(model.identity)] if model else list(self._folder.glob("*.json"))
        removed = 0
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed += 1
        return removed

    def _path(self, identity: str) -> Path:
        return self._folder / f"{hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()}.json"


class TunedFirst:
    """Starts models as they were tuned as long as that works, and as usual from then on."""

    def __init__(self, start: StartEngine, profiles: Profiles) -> None:
        self._start = start
        self._profiles = profiles
        self._running: dict[Key, Engine] = {}
        """those that were started so"""

    async def __call__(self, model: ModelFile, settings: Settings, progress: LoadProgress | None) -> Engine:
        last = self._running.pop(key_of(model), None)
        if last is not None and getattr(last, "crashed", False):
            self._profiles.withdraw(model, "it crashed while it answered")
        found = self._profiles.look(model, settings)
        if isinstance(found, Unused) and found.reason:
            log.warning("the profile of %s is not used: %s", model.reference, found.reason)
        plain = msgspec.structs.replace(model, tuned=settled(settings))
        if isinstance(found, Unused) or model.tuned == plain.tuned:
            return await self._start(plain, settings, progress)
        try:
            engine = await self._start(model, settings, progress)
        except (EngineCrashed, EngineUnavailable, ModelDamaged) as error:
            # What can't be loaded as usual either is not the profile's fault.
            engine = await self._start(plain, settings, progress)
            # Nor is it that others hold the memory just now which more slots or larger batches take.
            if not isinstance(error, EngineOutOfMemory):
                self._profiles.withdraw(model, error.message)
            return engine
        self._running[key_of(model)] = engine
        return engine


def profiles_of(settings: Settings, home: Home) -> Profiles:
    """Return the profiles of this home, for the engine of today."""
    return Profiles(home.profiles, lambda: chosen(settings, home.engines))


def best_starter(settings: Settings, home: Home, vault: Vault | None = None) -> StartEngine:
    """Return what starts models in the best engine there is here, as they were tuned for it."""
    return BuiltFirst(TunedFirst(starter(vault), profiles_of(settings, home)), home.engines)
