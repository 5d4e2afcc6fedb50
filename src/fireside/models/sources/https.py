"""The source `https:`: one GGUF file of any web server, which must be the one that its hash says."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec

from fireside.cards import ModelCard
from fireside.errors import Conflict, DownloadFailed, ModelDamaged, ModelNotFound
from fireside.models.inspection import inspect
from fireside.models.pip_configuration import read_pip_configuration
from fireside.models.references import is_plain_path
from fireside.models.sources import Progress, PullProgress
from fireside.models.sources.expected import Expected
from fireside.models.sources.work import check_room, in_thread, nobody_fetches, only_one, storing, sync_folder
from fireside.models.terms import terms_of
from fireside.written import read_whole, write_whole

if TYPE_CHECKING:
    from fireside.models.sources.web import Failure


class _Record(msgspec.Struct, frozen=True):
    """Where a file came from, and what it was when it was verified."""

    name: str
    """of the reference"""
    file: str
    size_bytes: int
    mtime_ns: int


class HttpsSource:
    """Keeps its models in `folder`/https/SHA256/ and what is on the way in `folder`/downloads/.

    Names are `//host/path#sha256=…`, as `references.parse` makes them.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._home = folder
        self._folder = folder / "https"
        self._downloads = folder / "downloads"
        self._environ = environ

    def cards(self) -> tuple[ModelCard, ...]:
        cards = []
        for path in sorted(self._folder.glob("*/record.json")):
            record = _read(path)
            if record is not None and _is_whole(path.parent, record):
                with contextlib.suppress(ModelDamaged, ModelNotFound):  # said where it is asked for
                    cards.append(_card(path.parent, record))
        return tuple(cards)

    def card(self, name: str) -> ModelCard:
        """Return the card of what is here, or one that knows only the name: nobody is asked."""
        url, sha256 = _parts(name)
        folder = self._folder / sha256
        record = _read(folder / "record.json")
        if record is not None and _is_whole(folder, record):
            return _card(folder, record)
        host = urlsplit(url).hostname or ""
        return ModelCard(
            reference=f"https:{name}",
            name=PurePosixPath(_file_name(url)).stem,
            origin=host,
            licence=None,
            size_bytes=0,
            installed=False,
            sha256=sha256,
            terms=terms_of(None, gated=False, where=host),
        )

    async def look_up(self, name: str) -> ModelCard:
        """Return the card of what is here, or would be fetched, with the size that its server tells."""
        card = self.card(name)
        if card.installed:
            return card
        from fireside.models.sources.credentials import NoLogin
        from fireside.models.sources.web import Failure, Web

        try:
            async with (
                Web(read_pip_configuration(self._environ), NoLogin()) as web,
                web.get(_parts(name)[0], {}) as response,
            ):
                length = response.headers.get("Content-Length", "")
        except Failure as failure:
            raise _explained(failure, name) from failure
        return msgspec.structs.replace(card, size_bytes=int(length) if length.isdecimal() else 0)

    async def fetch(self, name: str, progress: Progress) -> None:
        url, sha256 = _parts(name)
        with storing(_file_name(url), self._home):
            self._downloads.mkdir(parents=True, exist_ok=True)
            part = self._downloads / Expected(url, None, sha256).part_name

            def seen() -> PullProgress:
                done = part.stat().st_size if part.exists() else 0
                return PullProgress("fetching", done, done)

            async with only_one(self._lock(sha256), seen, progress):
                if not self.card(name).installed:
                    await self._bring(name, progress)

    async def _bring(self, name: str, progress: Progress) -> None:
        from fireside.models.sources.credentials import NoLogin
        from fireside.models.sources.web import Failure, Web
        from fireside.models.sources.whole_file import bring_file

        url, sha256 = _parts(name)
        target = self._folder / sha256 / _file_name(url)
        configuration = read_pip_configuration(self._environ)
        try:
            async with Web(configuration, NoLogin()) as web:
                await bring_file(
                    web,
                    Expected(url, None, sha256),
                    self._downloads,
                    target,
                    retries=configuration.retries,
                    fetched=lambda done, total: progress(PullProgress("fetching", done, total)),
                    verified=lambda done, total: progress(PullProgress("verifying", done, total)),
                    announced=lambda coming: check_room(self._downloads, coming, target.name),
                )
        except Failure as failure:
            raise _explained(failure, name) from failure
        await in_thread(lambda _: _settle(target, name))

    def remove(self, name: str) -> None:
        url, sha256 = _parts(name)
        folder = self._folder / sha256
        part = self._downloads / Expected(url, None, sha256).part_name
        parts = [part, part.with_name(part.name + ".json")]
        if not folder.exists() and not any(file.exists() for file in parts):
            raise ModelNotFound(f"https:{name} is not here", hint="`fireside models` lists what is")
        if folder.is_symlink() or not folder.resolve().is_relative_to(self._home.resolve()):
            raise Conflict(
                f"{folder} leads out of {self._home}", hint="that link was made by hand; remove it by hand"
            )
        with nobody_fetches(self._lock(sha256), f"https:{name}"):
            for file in parts:
                file.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

    def _lock(self, sha256: str) -> Path:
        return self._downloads / f"https-{sha256}.lock"


def _parts(name: str) -> tuple[str, str]:
    """
    >>> _parts("//models.example/x.gguf#sha256=ab")
    ('https://models.example/x.gguf', 'ab')
    """
    address, _, sha256 = name.partition("#sha256=")
    return f"https:{address}", sha256


def _file_name(url: str) -> str:
    """Return a plain file name for what a URL leads to.

    >>> _file_name("https://models.example/a/Tiny%20model.gguf?x=1"), _file_name("https://models.example/..%2f")
    ('Tiny model.gguf', 'model.gguf')
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return name if is_plain_path(name) and name.lower().endswith(".gguf") else "model.gguf"


def _settle(target: Path, name: str) -> None:
    """Look at the file before it counts as a model: it is what its hash says, and may still be none."""
    try:
        inspect(target, reference=f"https:{name}", origin="")
    except ModelDamaged:
        target.unlink()
        raise
    status = target.stat()
    record = _Record(name, target.name, status.st_size, status.st_mtime_ns)
    write_whole(target.parent / "record.json", msgspec.json.encode(record))
    sync_folder(target.parent)


def _card(folder: Path, record: _Record) -> ModelCard:
    url, sha256 = _parts(record.name)
    host = urlsplit(url).hostname or ""
    card = inspect(folder / record.file, reference=f"https:{record.name}", origin=host)
    terms = terms_of(card.licence, gated=False, where=host)
    return msgspec.structs.replace(card, sha256=sha256, terms=terms)


def _is_whole(folder: Path, record: _Record) -> bool:
    try:
        status = (folder / record.file).stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (record.size_bytes, record.mtime_ns)


def _read(path: Path) -> _Record | None:
    try:
        return read_whole(path, _Record)
    except (OSError, msgspec.MsgspecError):
        return None


def _explained(failure: Failure, name: str) -> DownloadFailed:
    return DownloadFailed(f"{_file_name(_parts(name)[0])} couldn't be fetched: {failure}", hint=failure.hint)
