"""The models room as turns see it: a reference becomes a file that an engine can load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from fireside.cards import ModelCard
from fireside.chat import Emit
from fireside.engines.protocol import ModelFile
from fireside.events import Progress
from fireside.models.library import Library, Weights
from fireside.models.sources import PullProgress
from fireside.profiles import PLAIN, Tuned, settled
from fireside.settings import Settings

DEFAULT_CONTEXT = 8192


class ModelFiles:
    """Finds, and where they aren't here fetches, the files of models. `tuned` tells how each runs best."""

    def __init__(
        self,
        library: Library,
        settings: Settings,
        tuned: Callable[[ModelFile], Tuned] = lambda model: PLAIN,
    ) -> None:
        self._library = library
        self._settings = settings
        self._tuned = tuned

    async def ensure(self, reference: str, emit: Emit) -> ModelFile:
        """Return the model's file, fetched first if it isn't here."""
        card = await self._library.ensure(reference, progress_to(emit))
        return await asyncio.to_thread(self._file, card.reference)

    def at_hand(self, reference: str) -> ModelFile | None:
        """Return the model's file if it is here. ModelNotFound for a model that nobody knows."""
        card = self._library.card(reference)
        return self._file(card.reference) if card.installed else None

    def window(self, model: Weights | ModelCard, wanted: int | None = None) -> int:
        """Return how many tokens of a conversation the model is given: elsewhere it takes no memory here.

        What is `wanted` of this very model goes before the settings.
        """
        limit = model.context_length or DEFAULT_CONTEXT
        usual = limit if model.engine == "remote" else DEFAULT_CONTEXT
        return min(wanted or self._settings.context_length or usual, limit)

    def _file(self, reference: str) -> ModelFile:
        weights = self._library.weights(reference)
        context = self.window(weights, weights.wanted_context_length)
        file = ModelFile(
            reference=weights.reference,
            path=weights.path,
            identity=weights.identity,
            context_length=context,
            has_template=weights.has_template,
            pooling=weights.pooling,
            cache_token_bytes=weights.dimensions.cache_bytes(context) // context,
            batch_token_bytes=weights.dimensions.batch_token_bytes,
            engine=weights.engine,
            size_bytes=weights.size_bytes,
            adapters=weights.adapters,
            projector=weights.projector,
            idle_s=weights.idle_s,
            allowed_code=weights.allowed_code,
        )
        return msgspec.structs.replace(file, tuned=settled(self._settings, self._tuned(file)))


def progress_to(emit: Emit) -> Callable[[PullProgress], None]:
    """Return a callback that tells a download's progress as events."""

    def tell(progress: PullProgress) -> None:
        emit(Progress(progress.stage, progress.done_bytes, progress.total_bytes, "bytes"))

    return tell
