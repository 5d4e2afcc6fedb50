"""Models that other programs keep on this machine, used where they lie and never changed."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import msgspec

from fireside.cards import FoundModel, FoundModels, ModelCard
from fireside.errors import BadReference, Conflict, FiresideError, ModelDamaged, ModelNotFound
from fireside.messages import Defaults
from fireside.models.foreign import real, shown
from fireside.models.inspection import inspect
from fireside.models.places import Places
from fireside.models.sources import Progress
from fireside.models.stored_names import STORED

MAX_DEPTH = 6
MAX_VISITED = 20_000
"""folders and files that are looked at in one store"""
_LATER_PART = re.compile(r"-(?!00001-)\d{5}-of-\d{5}\.gguf$")


class Kept(msgspec.Struct, frozen=True):
    """A model as its program keeps it."""

    name: str
    """what follows the source in its reference"""
    path: Path
    title: str | None = None
    """what its program calls it"""
    problem: str | None = None
    """why it can't be used, where that is known without opening it"""
    hint: str | None = None
    sha256: str | None = None
    """what its program says that its file has; to find the same file twice, not to trust it"""
    revision: str | None = None
    licence: str | None = None
    terms: str | None = None
    defaults: Defaults = Defaults()
    left_out: tuple[str, ...] = ()
    """parts that its program uses with it and Fireside doesn't"""


class OtherProgram(ABC):
    """A program that has models here. A new one says where they lie and what they are called.

    As a source it fetches nothing and removes nothing.
    """

    source: ClassVar[str]
    program: ClassVar[str]

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.places = Places(environ)

    # -- what each program says

    @abstractmethod
    def roots(self) -> tuple[Path, ...]:
        """Return the folders that its models may lie in; they needn't exist."""

    @abstractmethod
    def kept_in(self, root: Path) -> Iterator[Kept]:
        """Return what lies in one of its folders, unopened."""

    @abstractmethod
    def kept_at(self, root: Path, name: str) -> Kept | None:
        """Return the model called so in one of its folders, without looking at the others."""

    def removal(self, name: str) -> str:
        """Return how its own program deletes a model."""
        return f"delete it in {self.program}"

    # -- the source

    def cards(self) -> tuple[ModelCard, ...]:
        """Return none: what another program has is listed once it is imported."""
        return ()

    def card(self, name: str) -> ModelCard:
        try:
            kept = next(filter(None, (self.kept_at(root, name) for root in self.existing_roots())), None)
        except OSError as error:
            raise self._unreadable(error) from error
        if kept is None:
            raise ModelNotFound(
                f"{self.program} has no model {name}", hint="`fireside models import` lists what is here"
            )
        return self._card(kept)

    def _card(self, kept: Kept) -> ModelCard:
        if kept.problem:
            raise ModelDamaged(f"{self.program}'s {kept.name}: {kept.problem}", hint=kept.hint)
        without = f", without its {' and its '.join(kept.left_out)}" if kept.left_out else ""
        origin = f"{self.program}, used where it lies{without}"
        card = inspect(kept.path, reference=f"{self.source}:{kept.name}", origin=origin)
        return msgspec.structs.replace(
            card,
            name=kept.title or card.name,
            revision=kept.revision,
            licence=card.licence or kept.licence,
            terms=card.terms or kept.terms,
            defaults=card.defaults.merged(kept.defaults),
        )

    async def fetch(self, name: str, progress: Progress) -> None:
        """Check that it is there; there is nothing to bring."""
        self.card(name)

    def remove(self, name: str) -> None:
        raise Conflict(f"{name} is {self.program}'s, and Fireside never changes it", hint=self.removal(name))

    # -- what is found

    def found(self) -> tuple[list[tuple[Kept, FoundModel]], list[str]]:
        """Return every model it has, with what is wrong with those that can't be used, and notices."""
        models: list[tuple[Kept, FoundModel]] = []
        notices = []
        try:
            for root in self.existing_roots():
                with os.scandir(root):  # what can't be listed is told, where walking it would find nothing
                    pass
                models += [(kept, self._found(kept)) for kept in self.kept_in(root) if self._names(kept)]
        except OSError as error:
            notices.append(self._unreadable(error).message)
        return models, notices

    def _names(self, kept: Kept) -> bool:
        """Return whether a reference can be written to it."""
        try:
            return STORED[self.source](kept.name) == kept.name and kept.name.isprintable()
        except BadReference:
            return False

    def existing_roots(self) -> tuple[Path, ...]:
        return tuple(root for root in self.roots() if root.is_dir())

    def _found(self, kept: Kept) -> FoundModel:
        reference = f"{self.source}:{kept.name}"
        found = FoundModel(
            reference=reference,
            name=kept.title or kept.name,
            program=self.program,
            path=str(kept.path),
        )
        try:
            card = self._card(kept)
        except FiresideError as error:
            reason = kept.problem or error.message.removeprefix(f"{kept.path} ")
            return msgspec.structs.replace(found, reason=reason, hint=error.hint)
        return msgspec.structs.replace(found, name=card.name, size_bytes=card.size_bytes, card=card)

    def _unreadable(self, error: OSError) -> ModelNotFound:
        return ModelNotFound(
            f"{self.program}'s models can't be read: {error.strerror}: {error.filename}",
            hint="make the folder readable for you",
        )


def gather(programs: Iterable[OtherProgram], imported: frozenset[str]) -> FoundModels:
    """Return what all of these have. One file in several places is told once, with where else it is."""
    found: list[FoundModel] = []
    at: dict[object, int] = {}
    notices: list[str] = []
    for program in programs:
        models, unread = program.found()
        notices += unread
        for kept, model in models:
            keys = _same(kept)
            first = next((at[key] for key in keys if key in at), None)
            if first is None:
                at.update(dict.fromkeys(keys, len(found)))
                found.append(model)
            else:
                also = (*found[first].also, model.reference)
                found[first] = msgspec.structs.replace(found[first], also=also)
    marked = (
        msgspec.structs.replace(one, imported=bool(imported & {one.reference, *one.also})) for one in found
    )
    return FoundModels(tuple(marked), tuple(notices))


def _same(kept: Kept) -> tuple[object, ...]:
    """Return what tells that two names mean one file: its place on the disk, or the hash it is stored by."""
    try:
        status = kept.path.stat()
    except OSError:
        return ()
    place: tuple[object, ...] = ((status.st_dev, status.st_ino),)
    return (*place, kept.sha256) if kept.sha256 else place


def weights_under(root: Path, program: str, home: Path | None = None) -> Iterator[Kept]:
    """Return the models in a tree of folders: .gguf files, and folders with config.json and safetensors.

    Their names are their paths from `root`. Links that lead out of `home` (by default `root`) are told and
    not followed.
    """
    visited = 0
    for here, folders, files in os.walk(root, followlinks=False):
        place = Path(here)
        visited += 1 + len(files)
        depth = len(place.relative_to(root).parts)
        linked = [name for name in folders if (place / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in linked)
        if depth >= MAX_DEPTH or visited > MAX_VISITED:
            folders.clear()
        if depth and _is_folder_of_weights(files):
            folders.clear()
            yield _weights(place, root, program, home)
            continue
        for name in sorted([*linked, *filter(_is_model, files)]):
            kept = _weights(place / name, root, program, home)
            if kept.problem or name not in linked:  # what is linked inside of the tree is met there
                yield kept


def weights_at(root: Path, name: str, program: str) -> Kept | None:
    """Return the model that `weights_under` calls `name`; None where there is none."""
    path = root / name
    files = [file.name for file in path.iterdir()] if path.is_dir() else []
    is_there = path.is_symlink() or path.exists()
    if not is_there or not (_is_folder_of_weights(files) or _is_model(path.name) or path.is_symlink()):
        return None
    return _weights(path, root, program, None)


def _weights(path: Path, root: Path, program: str, home: Path | None) -> Kept:
    name = path.relative_to(root).as_posix()
    if is_inside(path, real(home or root)):
        return Kept(name, path)
    return Kept(
        name,
        path,
        problem=f"it is a link that leads out of {program}'s folder",
        hint=f"use the file itself: file:{shown(str(real(path)))}",
    )


def _is_folder_of_weights(files: Iterable[str]) -> bool:
    names = set(files)
    return "config.json" in names and any(name.endswith(".safetensors") for name in names)


def _is_model(name: str) -> bool:
    return name.endswith(".gguf") and "mmproj" not in name.lower() and not _LATER_PART.search(name)


def is_inside(path: Path, home: Path) -> bool:
    """Return whether what `path` really is lies inside the real folder `home`."""
    return real(path).is_relative_to(home)
