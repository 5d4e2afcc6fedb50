"""Models that could be fetched, with what one wants to know of them before. Shapes of the API."""

from __future__ import annotations

from typing import Literal

import msgspec

from fireside.cards import Purpose, TunedFor, WeightsFormat

LibraryName = Literal["gguf", "safetensors", "tensorflow", "flax", "pytorch", "other"]
"""how a repository's weights are written, so what has to run them"""


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


class Runs(msgspec.Struct, frozen=True):
    """How a model would run on this machine. None where that can't be told.

    `words_per_s` and `first_word_s` are for a short question; `estimated` ones come from no run of this
    model's.
    """

    fits: bool | None = None
    needed_bytes: int | None = None
    memory_bytes: int | None = None
    """what the machine has for models: of its graphics processor, or of its own"""
    first_word_s: float | None = None
    words_per_s: float | None = None
    estimated: bool = True


class Offer(msgspec.Struct, frozen=True):
    """A model that could be fetched by its `reference`. None where nobody says."""

    reference: str
    """names the quantization that suits this machine"""
    name: str
    purpose: Purpose = "chat"
    tuned_for: TunedFor | None = None
    languages: tuple[str, ...] = ()
    """their tags, as in `de`; empty where nobody says"""
    licence: str | None = None
    gated: bool = False
    """whether its makers let only those have it who accept its terms at the hub, and sign in"""
    terms: str | None = None
    """what its licence asks or forbids, in plain words, where it isn't one that allows nearly everything"""
    library: LibraryName = "gguf"
    obstacle: str | None = None
    """why it can't be run here, and what to take instead"""
    size_bytes: int | None = None
    """of what has to be fetched"""
    size_is_exact: bool = False
    parameters: int | None = None
    quantization: str | None = None
    context_length: int | None = None
    sees: bool | None = None
    code: bool = False
    downloads: int | None = None
    """in the last 30 days"""
    likes: int | None = None
    updated_at: int | None = None
    runs: Runs = Runs()
    installed: bool = False
    recommended: bool = False
    """whether it is what to begin with on this machine"""
    sources: tuple[str, ...] = ()
    """where what is said of it was read"""


class Offers(msgspec.Struct, frozen=True):
    """What was found, the best first, and what was understood. `notices` are sentences a person must be told."""

    offers: tuple[Offer, ...]
    wanted: Wanted = Wanted()
    notices: tuple[str, ...] = ()
