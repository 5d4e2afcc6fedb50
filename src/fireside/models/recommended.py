"""A short shelf of good first models from the hub, which needs no network to be read.

What is said of each was looked up, and `sources` says where: see `shelf_data.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib import resources

import msgspec

from fireside.cards import ModelCard, Purpose, TunedFor
from fireside.models.licences import licence_name
from fireside.models.search.ranking import READING_WORDS_PER_S, hindered
from fireside.models.terms import conditions_of
from fireside.offers import Offer


class Recommended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the hub as the shelf's data tell it: None and empty where nothing was found."""

    repository: str
    quantization: str
    size_bytes: int
    """as the hub's pages round it"""
    name: str
    makers: str
    licence: str
    """by the hub's name for it"""
    parameters: int
    """as the model's card rounds it"""
    sources: Mapping[str, str]
    """the address at which each field was read, by the field's name"""
    file: str | None = None
    purpose: Purpose = "chat"
    tuned_for: TunedFor | None = None
    code: bool = False
    active_parameters: int | None = None
    context_length: int | None = None
    languages: tuple[str, ...] = ()
    languages_said: str | None = None
    """where a card counts more languages than it names"""
    has_template: bool | None = None
    reasons: bool | None = None
    sees: bool | None = None

    @property
    def reference(self) -> str:
        return f"hf:{self.repository}:{self.quantization}"

    def offer(self) -> Offer:
        """Return what is offered of it, not yet with a prediction."""
        card = ModelCard(
            reference=self.reference,
            name=self.name,
            origin=self.makers,
            licence=licence_name(self.licence),
            terms=conditions_of(self.licence),
            size_bytes=self.size_bytes,
            installed=False,
            parameters=self.parameters,
            quantization=self.quantization,
            context_length=self.context_length,
            has_template=self.has_template,
            purpose=self.purpose,
            reasons=self.reasons,
            tuned_for=self.tuned_for,
            sees=self.sees,
            languages=self.languages,
        )
        addresses = tuple(dict.fromkeys(self.sources.values()))
        return Offer(
            card,
            "GGUF",
            code=self.code,
            active_parameters=self.active_parameters,
            languages_said=self.languages_said,
            sources=addresses,
        )


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    looked_up: date
    models: tuple[Recommended, ...]


@cache
def _data() -> _Data:
    text = resources.files("fireside.models").joinpath("shelf_data.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Data)


def recommended() -> tuple[Recommended, ...]:
    """Return the shelf's models, the smallest of a kind first."""
    return _data().models


def looked_up() -> date:
    """Return the day on which the sources were read."""
    return _data().looked_up


def with_first(offers: Iterable[Offer], language: str | None) -> list[Offer]:
    """Return the shelf's offers in the order for this machine, the one to begin with marked and first.

    That is the largest instruct model that fits, speaks the language and writes as fast as people read; where
    none writes so fast the fastest. Then come its like, models for code, those that make embeddings, base
    models, and what doesn't fit; in each kind those that write too slowly for reading last.
    """
    ordered = sorted(offers, key=lambda offer: _place(offer, language))
    candidates = [offer for offer in ordered if _is_candidate(offer, language)]
    if not candidates:
        return ordered
    swift = [offer for offer in candidates if _speed(offer) >= READING_WORDS_PER_S]
    first = max(swift, key=lambda offer: offer.card.parameters or 0) if swift else max(candidates, key=_speed)
    marked = msgspec.structs.replace(first, recommended=True)
    return [marked, *(offer for offer in ordered if offer is not first)]


def _is_candidate(offer: Offer, language: str | None) -> bool:
    card = offer.card
    writes = card.purpose == "chat" and card.tuned_for == "instruct" and not offer.code
    speaks = language is None or language in card.languages
    return writes and speaks and not hindered(offer)


def _place(offer: Offer, language: str | None) -> tuple[object, ...]:
    card = offer.card
    return (
        hindered(offer),
        card.purpose != "chat",
        card.tuned_for == "base",
        language is not None and language not in card.languages,
        offer.code,
        max(READING_WORDS_PER_S - _speed(offer), 0),
        -(card.parameters or 0),
    )


def _speed(offer: Offer) -> float:
    """Return the words per second that are predicted; where nobody can tell, as many as one reads."""
    speed = offer.prediction.words_per_s if offer.prediction else None
    return READING_WORDS_PER_S if speed is None else speed
