"""What a model asks of a machine: its weights by format and use, and its dimensions."""

from __future__ import annotations

from typing import Literal

import msgspec

from fireside.cards import ModelCard
from fireside.models.dimensions import Dimensions
from fireside.models.gguf import Header

Use = Literal["layers", "experts", "output", "rows"]
"""`rows`: a table of which each token takes one row; `output`: multiplied for each token that is written"""


class Part(msgspec.Struct, frozen=True):
    """Weights of one format and use."""

    kind: str
    """the format, as ggml calls it: `Q4_K`, `F16`"""
    use: Use
    elements: int
    size_bytes: int

    def active(self, demand: Demand) -> float:
        """Return how many weights one token meets: all, or those of its experts."""
        return self.elements * (demand.experts_share if self.use == "experts" else 1)

    def active_bytes(self, demand: Demand) -> float:
        return self.size_bytes * (demand.experts_share if self.use == "experts" else 1)


class Demand(msgspec.Struct, frozen=True):
    """Everything of a model that its memory and its speed depend on."""

    size_bytes: int
    parts: tuple[Part, ...]
    dimensions: Dimensions = Dimensions()
    layers: int = 0
    vocabulary: int | None = None
    context_length: int | None = None
    """tokens that it was made for"""
    experts_share: float = 1.0
    """of the experts, that each token meets"""

    @property
    def main_format(self) -> str:
        """The format that most weights have."""
        sums: dict[str, int] = {}
        for part in self.parts:
            sums[part.kind] = sums.get(part.kind, 0) + part.elements
        return max(sums, key=lambda kind: sums[kind], default="Q4_K")

    def cache_bytes(self, context_length: int) -> int:
        """Return the bytes of one conversation's KV cache."""
        return self.dimensions.cache_token_bytes * context_length

    def attended(self, before: int) -> float:
        """Return the head values that one token meets after `before` others, of all layers together."""
        return self.dimensions.cache_token_bytes / 4 * before


def demand_of_header(header: Header, size_bytes: int | None = None) -> Demand:
    """Return the demand of a model whose header was read; `size_bytes` is that of all its files."""
    size = size_bytes or header.size_bytes
    return Demand(
        size_bytes=size,
        parts=(Part(_main(header.quantization), "layers", header.parameters or size, size),),
        dimensions=header.dimensions,
        vocabulary=header.vocabulary,
        context_length=header.context_length,
    )


def demand_of_card(card: ModelCard) -> Demand:
    """Return the demand of a model of which only its card is known: rougher, and without its context."""
    kind = _main(card.quantization)
    parameters = card.parameters or round(card.size_bytes / BYTES_EACH.get(kind, 0.6))
    return Demand(
        size_bytes=card.size_bytes,
        parts=(Part(kind, "layers", parameters, card.size_bytes),),
        context_length=card.context_length,
    )


BYTES_EACH = {"F32": 4.0, "F16": 2.0, "BF16": 2.0, "Q8_0": 1.06, "Q6_K": 0.82, "Q5_K": 0.7, "Q4_K": 0.6}


def _main(quantization: str | None) -> str:
    """Return the format of most weights, as a file's own name for its mixture tells it.

    >>> _main("Q4_K_M"), _main("F16"), _main(None)
    ('Q4_K', 'F16', 'Q4_K')
    """
    if not quantization:
        return "Q4_K"
    return quantization.removesuffix("_S").removesuffix("_M").removesuffix("_L")


__all__ = ["Demand", "Part", "demand_of_card", "demand_of_header"]
