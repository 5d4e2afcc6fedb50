"""The source `converted:`: models that were made here of others, in another format."""

from __future__ import annotations

import contextlib
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock
import msgspec

from fireside.cards import ModelCard, TunedFor
from fireside.conversions import Conversion
from fireside.errors import Conflict, FiresideError, ModelNotFound
from fireside.messages import Defaults
from fireside.models.inspection import inspect
from fireside.models.sources import Progress
from fireside.models.sources.work import nobody_fetches, sync_folder
from fireside.written import read_whole, write_whole

FILE = "model.gguf"
RECORD = "record.json"
UNNAMED = "."
"""how the folders of models begin that aren't whole yet; no name does"""


class Record(msgspec.Struct, frozen=True):
    """What lies beside a converted model: what its file can't tell, and which file it was."""

    origin: str
    conversion: Conversion
    sha256: str
    size_bytes: int
    mtime_ns: int
    licence: str | None
    terms: str | None
    languages: tuple[str, ...]
    tuned_for: TunedFor | None
    defaults: Defaults


class ConvertedSource:
    """Keeps its models in `folder`/converted/NAME/; a folder gets its name once the model in it is whole."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._home = folder
        self._folder = folder / "converted"

    def cards(self) -> tuple[ModelCard, ...]:
        cards = []
        for path in sorted(self._folder.glob(f"*/{RECORD}")):
            if not path.parent.name.startswith(UNNAMED):
                with contextlib.suppress(FiresideError):  # said where it is asked for
                    cards.append(self.card(path.parent.name))
        return tuple(cards)

    def card(self, name: str) -> ModelCard:
        folder = self._folder / name
        record = read_record(folder)
        if record is None or not _is_whole(folder, record):
            raise ModelNotFound(
                f"there is no converted model {name!r}",
                hint="`fireside models` lists what is here; make it: fireside models convert REF --to Q4_0",
                param="model",
            )
        card = inspect(folder / FILE, reference=f"converted:{name}", origin=record.origin)
        return msgspec.structs.replace(
            card,
            name=name,
            sha256=record.sha256,
            licence=record.licence,
            terms=record.terms,
            languages=record.languages,
            tuned_for=record.tuned_for,
            defaults=record.defaults,
            conversion=record.conversion,
        )

    async def fetch(self, name: str, progress: Progress) -> None:
        """Check that it is here: nobody else has it."""
        self.card(name)

    def remove(self, name: str) -> None:
        """Delete a converted model; the one that it was made from stays."""
        folder = self._folder / name
        if not folder.exists():
            self.card(name)
        if folder.is_symlink() or not folder.resolve().is_relative_to(self._home.resolve()):
            raise Conflict(
                f"{folder} leads out of {self._home}", hint="that link was made by hand; remove it by hand"
            )
        with nobody_fetches(_lock_file(self._home, name), f"converted:{name}"):
            (folder / RECORD).unlink(missing_ok=True)  # first, so that half of it is no model
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Let nobody else convert or compare models meanwhile: together they would fill the disk or the memory
    that each found free. Conflict where somebody does."""
    downloads = home / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(downloads / "converting.lock", timeout=0):
            yield
    except filelock.Timeout as error:
        raise Conflict(
            "another model is being converted or compared", hint="wait for it, or stop it first"
        ) from error


@contextlib.contextmanager
def workshop(home: Path, name: str) -> Iterator[Path]:
    """Give a new folder in which the model `name` is made; `settle` names it, and otherwise it is deleted.

    So is what killed processes left. Conflict where another process makes the same just now.
    """
    folder = home / "converted"
    folder.mkdir(parents=True, exist_ok=True)
    (home / "downloads").mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{UNNAMED}*"):
        with contextlib.suppress(filelock.Timeout), _lock(home, left.name.removeprefix(UNNAMED)):
            shutil.rmtree(left, ignore_errors=True)
    new = folder / f"{UNNAMED}{name}"
    try:
        with _lock(home, name):
            try:
                new.mkdir()
                yield new
            finally:
                shutil.rmtree(new, ignore_errors=True)
    except filelock.Timeout as error:
        raise Conflict(f"converted:{name} is being made", hint="wait for it, or stop it first") from error


def settle(new: Path, record: Record) -> None:
    """Give a finished model its name, in the place of one that broke. OSError where the disk refuses that."""
    (new / FILE).chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
    write_record(new, record)
    sync_folder(new)
    named = new.with_name(new.name.removeprefix(UNNAMED))
    shutil.rmtree(named, ignore_errors=True)
    new.replace(named)
    sync_folder(new.parent)


def read_record(folder: Path) -> Record | None:
    try:
        return read_whole(folder / RECORD, Record)
    except (OSError, msgspec.MsgspecError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write what is known of the model in `folder`, whole or not at all. OSError as it comes."""
    write_whole(folder / RECORD, msgspec.json.format(msgspec.json.encode(record)))


def _lock(home: Path, name: str) -> filelock.BaseFileLock:
    """Return what holds a name while it is made; entering it raises Timeout where another process does."""
    return filelock.FileLock(_lock_file(home, name), timeout=0)


def _lock_file(home: Path, name: str) -> Path:
    return home / "downloads" / f"converted-{name}.lock"


def _is_whole(folder: Path, record: Record) -> bool:
    try:
        status = (folder / FILE).stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (record.size_bytes, record.mtime_ns)
