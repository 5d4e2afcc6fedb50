"""The source `hf:`: models of the hub, GGUF files and safetensors folders.

The hub's own client asks and resolves; the bytes come by the same way as those of every other source.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from fireside.cards import ModelCard
from fireside.errors import Conflict, ModelDamaged, ModelNotFound
from fireside.models.hub import Hub, Repository
from fireside.models.inspection import inspect
from fireside.models.sources import Progress, PullProgress
from fireside.models.sources.hub_choice import offered, record_of
from fireside.models.sources.hub_records import HubRecord, HubRecords, StoredFile
from fireside.models.sources.work import check_room, nobody_fetches, only_one, storing


class HubSource:
    """Keeps its models in `folder`/hf/ and what is on the way in `folder`/downloads/.

    `available_bytes` tells how much memory a model may take here.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        available_bytes: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._downloads = folder / "downloads"
        self._environ = environ
        self._available_bytes = available_bytes
        self._records = HubRecords(folder)
        self._hub = Hub(environ)

    def cards(self) -> tuple[ModelCard, ...]:
        cards = []
        for record in filter(self._records.is_whole, self._records.all()):
            with contextlib.suppress(ModelDamaged, ModelNotFound):  # said where it is asked for
                cards.append(self._card(record))
        return tuple(cards)

    def card(self, name: str) -> ModelCard:
        """Return the card of what is here, or one that knows only the name: nobody is asked."""
        record = self._here(name)
        if record is not None:
            return self._card(record)
        repository, _, variant = name.partition(":")
        return ModelCard(
            reference=f"hf:{name}",
            name=f"{repository.partition('/')[2]}{f' ({variant})' if variant else ''}",
            origin=f"{repository} on the hub",
            licence=None,
            size_bytes=0,
            installed=False,
        )

    async def look_up(self, name: str) -> ModelCard:
        """Return the card of what `fetch` would bring, asking the hub where it isn't here."""
        if self._here(name) is not None:
            return self.card(name)
        repository = await asyncio.to_thread(self._repository, name)
        return offered(repository, record_of(repository, name, self._available_bytes()))

    async def fetch(self, name: str, progress: Progress) -> None:
        repository = name.partition(":")[0]
        with storing(name, self._folder):
            self._downloads.mkdir(parents=True, exist_ok=True)
            async with only_one(
                self._lock(repository), lambda: self._seen_from_outside(repository), progress
            ):
                if self._here(name) is None:
                    await self._bring(name, progress)

    def remove(self, name: str) -> None:
        repository, _, variant = name.partition(":")
        there = [*self._records.of(repository), *self._records.on_its_way(repository)]
        meant = [record for record in there if not variant or _is_called(record, variant)]
        if not meant:
            raise ModelNotFound(f"hf:{name} is not here", hint="`fireside models` lists what is")
        if len({record.reference for record in meant}) > 1:
            several = ", ".join(sorted({record.reference for record in meant}))
            raise Conflict(f"several models of {repository} are here", hint=f"name one of them: {several}")
        with nobody_fetches(self._lock(repository), f"hf:{name}"):
            for record in meant:
                self._records.remove(record, self._downloads)

    def _lock(self, repository: str) -> Path:
        return self._downloads / f"hf-{repository.lower().replace('/', '--')}.lock"

    # -- what is here

    def _here(self, name: str) -> HubRecord | None:
        """Return the whole model that a name means; a repository alone means what was fetched of it last."""
        repository, _, variant = name.partition(":")
        for record in self._records.of(repository):
            if (not variant or _is_called(record, variant)) and self._records.is_whole(record):
                return record
        return None

    def _card(self, record: HubRecord) -> ModelCard:
        path, repository = self._records.path(record), record.repository.partition("/")[2]
        card = inspect(path, reference=record.reference, origin=record.origin, name=repository)
        return msgspec.structs.replace(
            card,
            name=repository if path.name == record.revision else card.name,
            size_bytes=record.size_bytes,
            sha256=record.sha256,
            licence=record.licence or card.licence,
            languages=record.languages or card.languages,
            revision=record.revision,
            terms=record.terms,
        )

    def _seen_from_outside(self, repository: str) -> PullProgress:
        records = self._records.on_its_way(repository)
        done = total = 0
        for record in records:
            total += record.size_bytes
            done += sum(self._bytes_of(record, file) for file in record.files)
        return PullProgress("fetching", min(done, total), total)

    def _bytes_of(self, record: HubRecord, file: StoredFile) -> int:
        """Return how much of a file is here, under its own name or on its way."""
        for path in (self._records.root(record) / file.path, self._downloads / file.part_name):
            if path.exists():
                return path.stat().st_size
        return 0

    # -- the way here

    async def _bring(self, name: str, progress: Progress) -> None:
        from fireside.models.sources.hub_pull import HubLogin, HubPull

        repository = await asyncio.to_thread(self._repository, name)
        record = record_of(repository, name, self._available_bytes())
        await asyncio.to_thread(self._hub.check_access, repository, record.files[0].path)
        here = sum(self._bytes_of(record, file) for file in record.files)
        check_room(self._downloads, record.size_bytes - here, record.reference)
        self._records.begin(record)
        login = await asyncio.to_thread(HubLogin, self._hub)
        pull = HubPull(self._hub, repository, record, self._records.root(record), self._downloads)
        await pull.run(login, self._environ, progress)
        await asyncio.to_thread(self._settle, record)

    def _repository(self, name: str) -> Repository:
        asked = name.partition(":")[0]
        repository = self._hub.repository(asked)
        if repository.id.lower() != asked.lower():
            raise ModelNotFound(f"{asked} has moved to {repository.id}", hint=f"use hf:{repository.id}")
        return repository

    def _settle(self, record: HubRecord) -> None:
        """Look at the model before it counts as one: a file may be what the hub says and still no model."""
        try:
            self._card(record)
        except ModelDamaged:
            self._records.remove(record, self._downloads)
            raise
        self._records.finish(record)


def _is_called(record: HubRecord, variant: str) -> bool:
    if record.variant is None:
        return False
    paths = (f"/{file.path}" for file in record.files)
    return record.variant.upper() == variant.upper() or any(path.endswith(f"/{variant}") for path in paths)
