"""The engine that was built for this processor: where it is, what it was found to be, and whether it is used.

It is used from the next load on, and no longer once it fails: then the prebuilt engine takes over at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from fireside.builds import Built
from fireside.engines import processor
from fireside.engines.protocol import Engine, LoadProgress, ModelFile
from fireside.engines.registry import StartEngine, state_keys
from fireside.errors import EngineCrashed, EngineOutOfMemory, EngineUnavailable, ModelDamaged
from fireside.settings import Settings
from fireside.written import read_whole, write_whole

RECORD = "built.json"
log = logging.getLogger(__name__)


def usable(built: Built) -> bool:
    """Return whether it may be used now: the same file, on the same processor, and it never failed."""
    try:
        status = Path(built.path).stat()
    except OSError:
        return False
    same = (status.st_size, status.st_mtime_ns) == (built.size_bytes, built.mtime_ns)
    return same and built.failed is None and built.processor == processor.identity()


def read(folder: Path) -> Built | None:
    """Return what was built in `folder`; None where nothing was."""
    try:
        return read_whole(folder / RECORD, Built)
    except (OSError, msgspec.MsgspecError):
        return None


def write(folder: Path, built: Built) -> None:
    """Note a build. OSError where the folder can't be written."""
    write_whole(folder / RECORD, msgspec.json.format(msgspec.json.encode(built)))


def chosen(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the engine of today: the person's own, the built one, or the prebuilt."""
    if settings.llama_server:
        return settings
    built = read(folder)
    return msgspec.structs.replace(settings, llama_server=built.path) if built and usable(built) else settings


def built_keys(settings: Settings, folder: Path) -> Callable[[ModelFile], str | None]:
    """Return what tells the key that states of a model have today, with the engine of today."""
    return lambda model: state_keys(chosen(settings, folder))(model)


class BuiltFirst:
    """Starts models in the built engine as long as that works, and in the prebuilt one from then on."""

    def __init__(self, start: StartEngine, folder: Path) -> None:
        self._start = start
        self._folder = folder
        self._last: Engine | None = None

    async def __call__(self, model: ModelFile, settings: Settings, progress: LoadProgress | None) -> Engine:
        last = self._last
        # One that was started as a profile says may have crashed for that: the profile goes first.
        if last is not None and getattr(last, "crashed", False) and not last.info.tuned:
            self._withdraw("it crashed while it answered")
        with_built = chosen(settings, self._folder)
        if with_built is settings or model.engine != "llamacpp":
            return await self._start(model, settings, progress)
        try:
            self._last = await self._start(model, with_built, progress)
        except EngineOutOfMemory:
            raise
        except (EngineCrashed, EngineUnavailable, ModelDamaged) as error:
            # What the prebuilt engine can't load either is not this build's fault.
            engine = await self._start(model, settings, progress)
            self._withdraw(error.message)
            return engine
        return self._last

    def _withdraw(self, reason: str) -> None:
        self._last = None
        built = read(self._folder)
        if built is None or not usable(built):
            return
        log.warning("the built engine is not used any more: %s", reason)
        try:
            write(self._folder, msgspec.structs.replace(built, failed=reason))
        except OSError as error:
            log.warning("that could not be noted: %s", error.strerror)
