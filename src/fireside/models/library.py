"""The library: every model that is here, and the way to bring the others."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import importlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fireside.aliases import ALIAS, Adapter
from fireside.cards import EngineName, FoundModel, FoundModels, ModelCard, ModelCode, Pooling
from fireside.errors import BadReference, Conflict, FiresideError, ModelDamaged, ModelNotFound
from fireside.models.dimensions import Dimensions
from fireside.models.gguf_model import projector_beside
from fireside.models.imported import Imported
from fireside.models.inspection import read_facts
from fireside.models.made import Made, seeing
from fireside.models.references import Reference, parse
from fireside.models.sources import IN_PLACE, OTHER_PROGRAMS, SOURCES, Asks, Progress, PullProgress, Source
from fireside.models.trust import Trust


class Weights(msgspec.Struct, frozen=True):
    """What it takes to load a model that is here. `identity` changes whenever the weights do."""

    reference: str
    path: Path
    identity: str
    context_length: int | None
    """tokens, as far as the model says"""
    has_template: bool
    pooling: Pooling | None
    dimensions: Dimensions
    engine: EngineName = "llamacpp"
    size_bytes: int | None = None
    """of all its files together, where they are several"""
    architecture: str | None = None
    adapters: tuple[Adapter, ...] = ()
    projector: Path | None = None
    """turns pictures into what it reads"""
    wanted_context_length: int | None = None
    """tokens per conversation, whatever the settings say"""
    idle_s: float | None = None
    """how long it stays loaded unused, whatever the settings say"""
    allowed_code: tuple[tuple[str, str], ...] = ()
    """code of its own that it may run: each file's name and SHA-256"""


class _Fetching:
    """One fetch that any number of callers wait for; it ends when the last of them leaves."""

    def __init__(self, source: Source, name: str) -> None:
        self.watchers: list[Progress] = []
        self.callers = 0
        self.task = asyncio.ensure_future(source.fetch(name, self._tell))

    def _tell(self, progress: PullProgress) -> None:
        for watcher in self.watchers:
            watcher(progress)

    async def join(self, watcher: Progress | None) -> None:
        """Wait for the end of the fetch, told how far it is by `watcher`."""
        watchers = [watcher] if watcher else []
        self.callers += 1
        self.watchers += watchers
        try:
            await asyncio.shield(self.task)
        finally:
            self.callers -= 1
            for mine in watchers:
                self.watchers.remove(mine)
            if not self.callers and not self.task.done():
                self.task.cancel()
                await asyncio.wait([self.task])


class Library:
    """The models in `folder`, those of the package index that are known, and any GGUF file in place.

    `environ` is where pip's variables are looked for; `sources` stand before those of the table. The
    folder `aliases` has models of one's own making.
    Every method takes a reference in any form that `references.parse` understands, and raises
    BadReference for others.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        sources: Mapping[str, Source] | None = None,
        aliases: Path | None = None,
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._sources: dict[str, Source] = dict(sources or {})
        self._fetching: dict[str, _Fetching] = {}
        self.made = Made(aliases, self)
        self.imported = Imported(folder)
        self.trust = Trust(folder.parent / "trusted_code.json")

    def installed(self) -> tuple[ModelCard, ...]:
        """Return the models that were fetched and are whole, and those that were imported."""
        return tuple(card for card in self.known() if card.installed)

    def known(self) -> tuple[ModelCard, ...]:
        """Return every model that needs no asking anybody: those here and those that can be fetched."""
        sources = (self._source(name) for name in SOURCES if name not in IN_PLACE)
        own = (self.trust.judged(card) for source in sources for card in source.cards())
        return (*own, *self._imported_cards())

    def _imported_cards(self) -> list[ModelCard]:
        cards = []
        for reference in self.imported.references():
            # What is gone or damaged since is told by `found`, and doesn't keep the others from being listed.
            with contextlib.suppress(FiresideError):
                cards.append(self.card(reference))
        return cards

    def import_in_place(self, reference: str) -> ModelCard:
        """List a model of this machine with those that were fetched; nothing is copied.

        BadReference for one that would have to be fetched; otherwise raises what `card` does.
        """
        parsed = parse(reference)
        if parsed.source not in IN_PLACE:
            raise BadReference(
                f"{parsed} doesn't lie on this machine: it is fetched",
                hint=f"fetch it: fireside models pull {parsed}",
                param="reference",
            )
        card = self.card(str(parsed))
        self.imported.add(card.reference)
        return card

    def forget_import(self, reference: str) -> None:
        """List a model no longer; its files stay as they are. ModelNotFound where it wasn't imported."""
        if not self.imported.forget(str(parse(reference))):
            raise ModelNotFound(f"{reference} isn't imported", hint="`fireside models import` shows what is")

    def found(self) -> FoundModels:
        """Return what other programs keep on this machine, and what was imported and isn't usable now."""
        imported = self.imported.references()
        found = self._other_programs(frozenset(imported))
        told = {name for model in found.models for name in (model.reference, *model.also)}
        own = tuple(self._imported_alone(reference) for reference in imported if reference not in told)
        return msgspec.structs.replace(found, models=found.models + own)

    def _other_programs(self, imported: frozenset[str] = frozenset()) -> FoundModels:
        other_programs = importlib.import_module("fireside.models.other_programs")
        found: FoundModels = other_programs.gather(map(self._source, OTHER_PROGRAMS), imported)
        return found

    def _imported_alone(self, reference: str) -> FoundModel:
        """Return what is known of an imported model that no program tells of: a file, or one that is gone."""
        source, _, name = reference.partition(":")
        program = getattr(self._source(source), "program", "file")
        found = FoundModel(reference=reference, name=name, program=program, path=name, imported=True)
        try:
            card = self.card(reference)
        except FiresideError as error:
            return msgspec.structs.replace(found, reason=error.message, hint=error.hint)
        return msgspec.structs.replace(
            found, name=card.name, path=card.path or name, size_bytes=card.size_bytes, card=card
        )

    def card(self, reference: str) -> ModelCard:
        """Return what is known of a model, here or not.

        ModelNotFound for one that nobody knows, with the nearest names as its hint; ModelDamaged
        for a file that is no sound GGUF model.
        """
        return self.trust.judged(self._told(reference))

    def _told(self, reference: str) -> ModelCard:
        """Return the card as the model's source tells it, whatever was allowed."""
        parsed = parse(reference)
        try:
            if parsed.source == ALIAS:
                return self.made.card(parsed.name)
            return self._source(parsed.source).card(parsed.name)
        except ModelNotFound as error:
            raise self._with_nearest(error, parsed) from error

    def meant(self, reference: str) -> str:
        """Return the reference of the model that a name stands for, any other as it is; nobody is asked.

        BadReference, or what is wrong with the name: ModelNotFound, ConfigError.
        """
        parsed = parse(reference)
        return self.made.get(parsed.name).model if parsed.source == ALIAS else reference

    def code(self, reference: str) -> ModelCode:
        """Return the code that a model brings and would run, if any; an alias's is that of its model."""
        return self.trust.code(self._bringing(reference))

    def allow_code(self, reference: str, digest: str) -> None:
        """Let a model run the code that `digest` is of; Conflict where that isn't its code (any more)."""
        self.trust.allow(self._bringing(reference), digest)

    def revoke_code(self, reference: str) -> str:
        """Let a model run its code no more; return its reference. The model needn't be here."""
        self.trust.revoke(key := str(parse(reference)))
        return key

    def _bringing(self, reference: str) -> ModelCard:
        card = self._told(reference)
        return self._told(card.alias_of) if card.alias_of else card

    async def ensure(self, reference: str, progress: Progress | None = None) -> ModelCard:
        """Return the card of a model that is here, fetched first where it isn't.

        Callers at the same time share one fetch, and one that is cut off goes on where it was.
        DownloadFailed where it can't be fetched, ModelDamaged where it can't be used.
        """
        parsed = parse(reference)
        if parsed.source == ALIAS:
            await self.ensure(self.card(str(parsed)).alias_of or "", progress)
            return self.card(str(parsed))
        key, source = str(parsed), self._source(parsed.source)
        if not self._is_here(parsed):
            fetching = self._fetching.get(key)
            if fetching is None or fetching.task.done() or fetching.task.cancelling():
                fetching = self._fetching[key] = _Fetching(source, parsed.name)
            try:
                await fetching.join(progress)
            except ModelNotFound as error:
                raise self._with_nearest(error, parsed) from error
            finally:
                if fetching.task.done() and self._fetching.get(key) is fetching:
                    del self._fetching[key]
        return self.card(key)

    async def look_up(self, reference: str) -> ModelCard:
        """Return what is known of a model; one that isn't here is asked for where its source can ask."""
        parsed = parse(reference)
        if parsed.source == ALIAS:
            return await asyncio.to_thread(self.card, reference)
        source = self._source(parsed.source)
        if self._is_here(parsed) or not isinstance(source, Asks):
            return await asyncio.to_thread(self.card, reference)
        return await source.look_up(parsed.name)

    def weights(self, reference: str) -> Weights:
        """Return what it takes to load a model that is here; ModelNotFound where it isn't.

        NotTrusted where it would run code of its own, and nobody has allowed that.

        What wasn't verified by its hash has its header checked, so that an engine never sees a
        damaged file.
        """
        card = self._told(reference)
        if card.alias_of:
            return self.made.weights(card.name)
        if card.place == "elsewhere":
            return _of_remote(card)
        if card.path is None:
            raise ModelNotFound(
                f"{card.name} isn't here yet", hint=f"fetch it: fireside models pull {card.reference}"
            )
        facts = read_facts(Path(card.path))
        weights = Weights(
            reference=card.reference,
            path=Path(card.path),
            identity=card.sha256 or facts.identity,
            context_length=card.context_length,
            has_template=bool(card.has_template),
            pooling=card.pooling,
            dimensions=facts.dimensions,
            engine=facts.engine,
            size_bytes=facts.size_bytes,
            architecture=facts.architecture,
            allowed_code=self.trust.allowed_code(card),
        )
        projector = projector_beside(weights.path) if card.sees else None
        return seeing(weights, projector) if projector else weights

    def remove(self, reference: str) -> None:
        """Delete a model that was fetched; Conflict for a person's own file and during a fetch."""
        parsed = parse(reference)
        if parsed.source == ALIAS:
            return self.made.remove(parsed.name)
        fetching = self._fetching.get(str(parsed))
        if fetching is not None and not fetching.task.done():
            raise Conflict(f"{parsed} is being fetched", hint="wait for it, or stop it first")
        return self._source(parsed.source).remove(parsed.name)

    def _is_here(self, parsed: Reference) -> bool:
        """Return whether nothing has to be fetched; a copy of Fireside's own that broke is fetched anew."""
        try:
            return self._source(parsed.source).card(parsed.name).installed
        except ModelDamaged:
            if parsed.source in IN_PLACE:
                raise
            return False

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            module, _, kind = SOURCES[name].partition(":")
            self._sources[name] = getattr(importlib.import_module(module), kind)(self._folder, self._environ)
        return self._sources[name]

    def _with_nearest(self, error: ModelNotFound, parsed: Reference) -> ModelNotFound:
        """Return the error with the known models of nearly that name as its hint, where there are some."""
        if parsed.source == "remote":  # its settings and its server tell more
            return error
        if parsed.source == "file":
            folder = Path(parsed.name).parent
            names = {str(path): f"file:{path}" for path in folder.glob("*.gguf")} if folder.is_dir() else {}
        else:
            known = self._other_programs().models if parsed.source in OTHER_PROGRAMS else self.known()
            names = {one.reference.partition(":")[2]: one.reference for one in known}
            names |= {name: name for name in self.made.names()}
        near = [names[name] for name in difflib.get_close_matches(parsed.name, names, cutoff=0.6)]
        if not near:
            return error
        return ModelNotFound(error.message, hint=f"did you mean {' or '.join(near)}?", param="model")


def _of_remote(card: ModelCard) -> Weights:
    """Return what it takes to use a model that another server has: nothing that lies here."""
    return Weights(
        reference=card.reference,
        path=Path(),
        identity=card.reference,
        context_length=card.context_length,
        has_template=True,  # so far as is known; its server writes the prompt
        pooling="mean" if card.purpose == "embedding" else None,
        dimensions=Dimensions(),
        engine=card.engine,
    )
