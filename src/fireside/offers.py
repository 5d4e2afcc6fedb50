"""Models that could be fetched, with what one wants to know of them before. Shapes of the API."""

from __future__ import annotations

import msgspec

from fireside.cards import ModelCard, Purpose, TunedFor, WeightsFormat
from fireside.predictions import Prediction


class Wanted(msgspec.Struct, frozen=True):
    """What the words of a search were understood to mean. `words` are those that meant nothing else."""

    languages: tuple[str, ...] = ()
    """their tags, as in `de`"""
    purpose: Purpose = "chat"
    tuned_for: TunedFor | None = None
    code: bool = False
    sees: bool = False
    weights: WeightsFormat | None = None
    least_parameters: int | None = None
    most_parameters: int | None = None
    words: tuple[str, ...] = ()


class Offer(msgspec.Struct, frozen=True):
    """A model that could be fetched by its card's reference, which names what suits this machine.

    None where nobody says; a card's size is 0 where it isn't known.
    """

    card: ModelCard
    library: str
    """what runs its weights: `GGUF`, `safetensors`, or what Fireside has no engine for"""
    size_is_exact: bool = False
    """whether the size is that of the files, and not reckoned from the number of parameters"""
    gated: bool = False
    """whether its makers let only those have it who accept its terms at the hub and sign in"""
    obstacle: str | None = None
    """why it can't be run here, in words that go on after its name"""
    instead: str | None = None
    """what to do about the obstacle"""
    code: bool = False
    """whether it was made for programming"""
    active_parameters: int | None = None
    """that a token meets, where they aren't all: a mixture of experts is as fast as these make it"""
    languages_said: str | None = None
    """where its makers count more languages than its card names"""
    downloads: int | None = None
    """in the last 30 days"""
    likes: int | None = None
    updated_at: int | None = None
    prediction: Prediction | None = None
    recommended: bool = False
    """whether it is what to begin with on this machine"""
    sources: tuple[str, ...] = ()
    """addresses where what is said of it was read"""


class Offers(msgspec.Struct, frozen=True):
    """What was found, the best first, and what the words were understood to mean."""

    offers: tuple[Offer, ...]
    wanted: Wanted = Wanted()
