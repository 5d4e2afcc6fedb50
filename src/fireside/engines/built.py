"""The engine that was built for this processor: where it is, what it was found to be, and whether it is used.

It is used from the next load on, and no longer once it fails: then the prebuilt engine takes over at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from fireside.engines import machine
from fireside.engines.protocol import Engine, LoadProgress, ModelFile
from fireside.engines.registry import StartEngine, state_keys
from fireside.errors import EngineCrashed, EngineOutOfMemory, EngineUnavailable
from fireside.settings import Settings

RECORD = "built.json"
log = logging.getLogger(__name__)


class Compared(msgspec.Struct, frozen=True):
    """A build beside the prebuilt engine, with one model: ratios over 1 say that it is faster."""

    model: str
    reading: float
    writing: float
    drift: float
    """how much its mean log-probability of a text differs, as a share"""


class Built(msgspec.Struct, frozen=True):
    """One build. The file is known by its size and time, so that a changed one is not used."""

    path: str
    size_bytes: int
    mtime_ns: int
    processor: str
    source: str
    compiler: str
    compared: Compared
    failed: str | None = None
    """why it is not used any more"""

    @property
    def usable(self) -> bool:
        """Whether it may be used now: the same file, on the same processor, and it never failed."""
        try:
            status = Path(self.path).stat()
        except OSError:
            return False
        same = (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.mtime_ns)
        return same and self.failed is None and self.processor == machine.processor()


def read(folder: Path) -> Built | None:
    """Return what was built in `folder`; None where nothing was."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Built)
    except (OSError, msgspec.MsgspecError):
        return None


def write(folder: Path, built: Built) -> None:
    """Note a build. OSError where the folder can't be written."""
    new = folder / f"{RECORD}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(built)))
    new.replace(folder / RECORD)


def chosen(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the engine of today: the person's own, the built one, or the prebuilt."""
    if settings.llama_server:
        return settings
    built = read(folder)
    return msgspec.structs.replace(settings, llama_server=built.path) if built and built.usable else settings


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
        if self._last is not None and getattr(self._last, "crashed", False):
            self._withdraw("it crashed while it answered")
        with_built = chosen(settings, self._folder)
        if with_built is settings or model.engine != "llamacpp":
            return await self._start(model, settings, progress)
        try:
            self._last = await self._start(model, with_built, progress)
        except EngineOutOfMemory:
            raise
        except (EngineCrashed, EngineUnavailable) as error:
            # What the prebuilt engine can't load either is not this build's fault.
            engine = await self._start(model, settings, progress)
            self._withdraw(error.message)
            return engine
        return self._last

    def _withdraw(self, reason: str) -> None:
        self._last = None
        built = read(self._folder)
        if built is None or not built.usable:
            return
        log.warning("the built engine is not used any more: %s", reason)
        try:
            write(self._folder, msgspec.structs.replace(built, failed=reason))
        except OSError as error:
            log.warning("that could not be noted: %s", error.strerror)
