"""What is here of the hub: one record for each model, and the files that it names.

hf/OWNER/REPOSITORY/            in lower case, since the hub doesn't tell the cases apart
    Q4_K_M.json                 the record of a model that is whole
    Q8_0.fetching               that of one on its way
    REVISION/…                  its files, each verified before it was given its name
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from fireside.errors import Conflict
from fireside.models.sources.expected import Expected
from fireside.models.sources.work import sync_folder
from fireside.written import read_whole, write_whole

FOLDER = "model"
"""the record's name of a model that is all of its folder"""


class StoredFile(msgspec.Struct, frozen=True):
    """A file that was verified, and what it was then."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None
    mtime_ns: int = 0

    def expected(self, url: str = "") -> Expected:
        """Return what must arrive from `url`."""
        return Expected(url, self.size_bytes, self.sha256, self.git_sha1)

    @property
    def part_name(self) -> str:
        return self.expected().part_name


class HubRecord(msgspec.Struct, frozen=True):
    """A model that was fetched, or is being fetched: what it is, and its files, the loaded one first."""

    repository: str
    variant: str | None
    """the quantisation or the path behind the colon; None for safetensors"""
    revision: str
    files: tuple[StoredFile, ...]
    origin: str
    sha256: str
    """of the model's file, or of the list of theirs where they are several"""
    licence: str | None
    languages: tuple[str, ...]
    base_models: tuple[str, ...] = ()
    terms: str | None = None

    @property
    def reference(self) -> str:
        return f"hf:{self.repository}" + (f":{self.variant}" if self.variant else "")

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


class HubRecords:
    """The records below `folder`, the library's own."""

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self._folder = folder / "hf"

    def all(self) -> Iterator[HubRecord]:
        """Yield the models that are whole."""
        for path in sorted(self._folder.glob("*/*/*.json")):
            if record := _read(path):
                yield record

    def of(self, repository: str) -> list[HubRecord]:
        """Return those of one repository, the one that was fetched last first."""
        paths = self._repository(repository).glob("*.json")
        newest = sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return [record for path in newest if (record := _read(path))]

    def on_its_way(self, repository: str) -> list[HubRecord]:
        paths = sorted(self._repository(repository).glob("*.fetching"))
        return [record for path in paths if (record := _read(path))]

    def root(self, record: HubRecord) -> Path:
        """Return the folder that the record's paths begin at."""
        return self._repository(record.repository) / record.revision

    def path(self, record: HubRecord) -> Path:
        """Return what an engine loads: the first file, or the folder."""
        root = self.root(record)
        return root / record.files[0].path if record.variant else root

    def is_whole(self, record: HubRecord) -> bool:
        """Return whether all files are there, as they were when they were verified."""
        root = self.root(record)
        try:
            return all(
                (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.mtime_ns)
                for file in record.files
                for status in [(root / file.path).stat()]
            )
        except OSError:
            return False

    def begin(self, record: HubRecord) -> None:
        """Note what is on its way, so that it can be shown and removed."""
        self._write(record, ".fetching")

    def finish(self, record: HubRecord) -> None:
        """Note that the model is whole, and drop what older revisions left."""
        root = self.root(record)
        files = tuple(
            msgspec.structs.replace(file, mtime_ns=(root / file.path).stat().st_mtime_ns)
            for file in record.files
        )
        self._write(msgspec.structs.replace(record, files=files), ".json")
        self._name(record, ".fetching").unlink(missing_ok=True)
        self._drop_unused(record.repository)

    def remove(self, record: HubRecord, downloads: Path) -> None:
        """Delete the record, its files as far as no other record has them, and what is half fetched."""
        folder = self._repository(record.repository)
        if not folder.resolve().is_relative_to(self._home.resolve()):
            raise Conflict(
                f"{folder} leads out of {self._home}", hint="that link was made by hand; remove it by hand"
            )
        for ending in (".json", ".fetching"):
            self._name(record, ending).unlink(missing_ok=True)
        for file in record.files:
            for name in (file.part_name, f"{file.part_name}.json"):
                (downloads / name).unlink(missing_ok=True)
        kept = self.of(record.repository) + self.on_its_way(record.repository)
        used = {self.root(other) / file.path for other in kept for file in other.files}
        for file in record.files:
            if (path := self.root(record) / file.path) not in used:
                path.unlink(missing_ok=True)
        self._drop_unused(record.repository)

    def _drop_unused(self, repository: str) -> None:
        """Delete revisions that no record has, and what is empty then."""
        folder = self._repository(repository)
        kept = self.of(repository) + self.on_its_way(repository)
        used = {record.revision for record in kept}
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink() and path.name not in used:
                shutil.rmtree(path)
        for path in (folder, folder.parent):
            if not any(path.iterdir()):
                path.rmdir()

    def _repository(self, repository: str) -> Path:
        return self._folder / repository.lower()

    def _name(self, record: HubRecord, ending: str) -> Path:
        called = quote(record.variant, safe="") if record.variant else FOLDER
        return self._repository(record.repository) / f"{called}{ending}"

    def _write(self, record: HubRecord, ending: str) -> None:
        path = self._name(record, ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(record)))
        sync_folder(path.parent)


def _read(path: Path) -> HubRecord | None:
    try:
        return read_whole(path, HubRecord)
    except (OSError, msgspec.MsgspecError):
        return None
