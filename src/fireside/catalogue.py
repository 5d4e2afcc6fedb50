"""The models of a server as it shows them: those here, those of its settings and its names for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Protocol

import msgspec

from fireside.cards import EngineStatus, ModelCard, Purpose
from fireside.errors import (
    BadPicture,
    BadReference,
    Conflict,
    FiresideError,
    ModelDamaged,
    NoChat,
    NoTemplate,
    NoVision,
)
from fireside.messages import Defaults, Message, PromptFormat
from fireside.models.library import Library
from fireside.models.references import parse, place_of
from fireside.pictures import MOST_PICTURES, harmless
from fireside.settings import Settings


class Engines(Protocol):
    """What this needs of the engines room."""

    def statuses(self) -> tuple[EngineStatus, ...]: ...

    def keep(self, reference: str, idle_s: float) -> None: ...


class Catalogue:
    """What may be asked of models by name."""

    def __init__(self, library: Library, engines: Engines, settings: Settings) -> None:
        self._library = library
        self._engines = engines
        self._settings = settings

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the installed models and those of the settings, with what is loaded marked.

        A model of the settings that can't be used is there with its problem, and doesn't hide the others.
        """
        cards = {card.reference: card for card in self._library.installed()}
        default = self._of_settings(self._settings.model)
        loaded = {status.model: status for status in self._engines.statuses()}
        cards.setdefault(default.reference, default)
        cards |= {card.reference: card for card in self._library.made.cards()}
        if self._settings.embedding_model:
            embedding = self._of_settings(self._settings.embedding_model, "embedding")
            cards.setdefault(embedding.reference, embedding)
        return tuple(_told(card, loaded, default.reference) for card in cards.values())

    def _of_settings(self, reference: str, purpose: Purpose = "chat") -> ModelCard:
        try:
            return self._library.card(reference)
        except FiresideError as error:
            with contextlib.suppress(BadReference):
                reference = str(parse(reference))
            return ModelCard(
                reference=reference,
                name=PurePath(reference.partition(":")[2] or reference).name,
                origin="the settings",
                licence=None,
                size_bytes=0,
                installed=False,
                weights=None,
                purpose=purpose,
                place=place_of(reference),
                problem=error.message,
            )

    def default_alias_of(self) -> str | None:
        """Return the model that the default one is another name of; None where it is no alias."""
        with contextlib.suppress(FiresideError):  # whoever asks it is told
            meant = self._library.meant(self._settings.model)
            return meant if meant != self._settings.model else None
        return None

    def usable(self) -> tuple[ModelCard, ...]:
        """Return those that nothing is known to be wrong with, as other programs list them."""
        return tuple(card for card in self.cards() if card.problem is None)

    def card(self, reference: str) -> ModelCard:
        """Return the card of one model, installed or known."""
        card = self._library.card(reference)
        return next((known for known in self.cards() if known.reference == card.reference), card)

    def engine_reference(self, reference: str) -> str:
        """Return the reference under which an engine has the model: a mere name shares its model's engine."""
        card = self._library.card(reference)
        return card.loaded_as or card.reference

    async def look_up(self, reference: str) -> ModelCard:
        """Return the card of one model; its source is asked about one that isn't here."""
        card = await self._library.look_up(reference)
        return card if not card.installed else await asyncio.to_thread(self.card, card.reference)

    async def remove(self, reference: str) -> None:
        """Remove an installed model's file, or a name; Conflict while an engine has it loaded and in use."""
        loaded_as = await asyncio.to_thread(self._loaded_with, reference)
        if any(status.users for status in self._engines.statuses() if status.model in loaded_as):
            raise Conflict(f"{reference} is answering somebody", hint="try again when it has ended")
        await asyncio.to_thread(self._library.remove, reference)
        for one in loaded_as:
            self._engines.keep(one, 0.0)

    def _loaded_with(self, reference: str) -> tuple[str, ...]:
        """Return the references under which engines may have what goes with a model, or with a name alone."""
        try:
            card = self._library.card(reference)
        except ModelDamaged:  # no engine has it, and it may go
            return ()
        if card.loaded_as is not None:
            return ()
        made = (one for one in self._library.made.cards() if one.alias_of == card.reference)
        return (card.reference, *(one.reference for one in made if one.loaded_as is None))

    def ready_to_answer(self, defaults: Defaults, message: Message) -> Defaults:
        """Return `defaults` with the model's canonical reference and what its makers recommend under them.

        A model without a template goes on with a transcript. NoChat, NoTemplate, NoVision or BadPicture for
        a `message` that can't be answered, before it is stored.
        """
        card = self._library.card(defaults.model or "")
        check_writes(card)
        check_pictures(card, message)
        defaults = card.defaults.merged(defaults)
        if card.has_template is False:
            if defaults.format is PromptFormat.CHAT:
                raise NoTemplate(
                    f"{card.reference} has no chat template: it was not made for dialogues",
                    hint="leave the format open or use `transcript`, or choose an instruct model",
                    param="format",
                )
            defaults = msgspec.structs.replace(defaults, format=PromptFormat.TRANSCRIPT)
        return msgspec.structs.replace(defaults, model=card.reference)


def check_pictures(card: ModelCard, message: Message) -> None:
    """Raise NoVision where there are pictures that the model can't see, BadPicture for what is none."""
    pictures = message.pictures
    if pictures:
        check_sees(card)
    if len(pictures) > MOST_PICTURES:
        raise BadPicture(
            f"{len(pictures)} pictures; {MOST_PICTURES} is the most", hint="send fewer", param="parts"
        )
    for part in pictures:
        harmless(part.data, part.name)


def check_sees(card: ModelCard) -> None:
    """Raise NoVision for a model that isn't shown pictures."""
    if not card.sees:
        raise NoVision(
            f"{card.name} doesn't see pictures",
            hint="choose a model that sees, or give this one its projector: "
            "fireside models alias NAME REF --projector mmproj.gguf",
            param="model",
        )


def _told(card: ModelCard, loaded: Mapping[str, EngineStatus], default: str) -> ModelCard:
    status = loaded.get(card.loaded_as or card.reference)
    return msgspec.structs.replace(
        card,
        loaded=status is not None,
        unloads_in_s=status.unloads_in_s if status else None,
        is_default=card.reference == default,
    )


def check_writes(card: ModelCard) -> None:
    """Raise NoChat for a model that can't write."""
    if card.purpose == "chat":
        return
    does = "makes embeddings" if card.purpose == "embedding" else "ranks what a search found"
    raise NoChat(
        f"{card.name} {does}: it can't write",
        hint="choose a model for chat; embeddings are made at /v1/embeddings and /api/embed",
        param="model",
    )
