"""What a model's own files say, whatever their format."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping

import msgspec

from fireside.cards import EngineName, Pooling, TunedFor, WeightsFormat
from fireside.messages import Defaults, Sampling
from fireside.models.dimensions import Dimensions


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is on a card, as far as the files tell it, and what loading needs. None where they don't tell."""

    name: str | None
    size_bytes: int
    """of all its weights"""
    identity: str
    """changes whenever the weights do, or what belongs to them"""
    dimensions: Dimensions
    architecture: str
    engine: EngineName
    weights: WeightsFormat
    parameters: int | None
    quantization: str | None
    context_length: int | None
    has_template: bool
    reasons: bool
    takes_tools: bool
    tuned_for: TunedFor | None
    tokenizer: str | None
    sees: bool
    pooling: Pooling | None
    embedding_length: int | None
    licence: str | None
    terms: str | None
    languages: tuple[str, ...]
    needs_trust: bool = False
    defaults: Defaults = Defaults()


RECOMMENDED: Mapping[str, tuple[str, Callable[[float], float | int]]] = {
    "temp": ("temperature", float),
    "temperature": ("temperature", float),
    "top_k": ("top_k", int),
    "top_p": ("top_p", float),
    "min_p": ("min_p", float),
    "penalty_repeat": ("repeat_penalty", float),
    "repetition_penalty": ("repeat_penalty", float),
    "repeat_penalty": ("repeat_penalty", float),
}
"""What llama.cpp's headers, transformers and Ollama call our sampling."""


def recommended(told: Mapping[str, float]) -> Sampling:
    """Return the sampling that a model's makers recommend; what makes no sense is left out.

    >>> recommended({"temp": 0.6, "top_p": 7.0}) == Sampling(temperature=0.6)
    True
    """
    sampling = Sampling()
    for name, value in told.items():
        if name in RECOMMENDED and math.isfinite(value):
            ours, kind = RECOMMENDED[name]
            with contextlib.suppress(msgspec.ValidationError):
                # A header has 32-bit floats: 0.6 comes as 0.6000000238.
                sampling = sampling.merged(msgspec.convert({ours: kind(round(value, 6))}, Sampling))
    return sampling
