"""The models of a server as it shows them: those here and those of its settings, what is loaded marked."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import msgspec

from fireside.cards import EngineStatus, ModelCard
from fireside.errors import BadReference, Conflict, ModelDamaged, ModelNotFound, NoChat, NoTemplate
from fireside.messages import Defaults, PromptFormat
from fireside.models.library import Library
from fireside.settings import Settings


class Engines(Protocol):
    """What this needs of the engines room."""

    def statuses(self) -> tuple[EngineStatus, ...]: ...


class Catalogue:
    """What may be asked of models by name."""

    def __init__(self, library: Library, engines: Engines, settings: Settings) -> None:
        self._library = library
        self._engines = engines
        self._settings = settings

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the installed models and those of the settings, with what is loaded marked."""
        cards = {card.reference: card for card in self._library.installed()}
        default = self._library.card(self._settings.model)
        loaded = {status.model for status in self._engines.statuses()}
        cards.setdefault(default.reference, default)
        if self._settings.embedding_model:
            # What is wrong with it is told to those who ask for embeddings, not to those who chat.
            with contextlib.suppress(BadReference, ModelNotFound, ModelDamaged):
                embedding = self._library.card(self._settings.embedding_model)
                cards.setdefault(embedding.reference, embedding)
        return tuple(
            msgspec.structs.replace(
                card, loaded=card.reference in loaded, is_default=card.reference == default.reference
            )
            for card in cards.values()
        )

    def usable(self) -> tuple[ModelCard, ...]:
        """Return those that nothing is known to be wrong with, as other programs list them."""
        return tuple(card for card in self.cards() if card.problem is None)

    def card(self, reference: str) -> ModelCard:
        """Return the card of one model, installed or known."""
        card = self._library.card(reference)
        return next((known for known in self.cards() if known.reference == card.reference), card)

    async def remove(self, reference: str) -> None:
        """Remove an installed model's file; Conflict while an engine has it loaded and in use."""
        card = await asyncio.to_thread(self._library.card, reference)
        if any(status.users for status in self._engines.statuses() if status.model == card.reference):
            raise Conflict(f"{reference} is answering somebody", hint="try again when it has ended")
        await asyncio.to_thread(self._library.remove, reference)

    def ready_to_answer(self, defaults: Defaults) -> Defaults:
        """Return `defaults` with the model's canonical reference and what its makers recommend under them.

        NoChat or NoTemplate for what can't be answered, before anything is stored.
        """
        card = self._library.card(defaults.model or "")
        check_writes(card)
        defaults = card.defaults.merged(defaults)
        if card.has_template is False and defaults.format is not PromptFormat.TRANSCRIPT:
            raise NoTemplate(
                f"{card.reference} has no chat template: it was not made for dialogues",
                hint="use the format `transcript`, or an instruct model",
                param="format",
            )
        return msgspec.structs.replace(defaults, model=card.reference)


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
