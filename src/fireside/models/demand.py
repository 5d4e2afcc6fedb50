"""What a model asks of a machine: its weights by format and use, and its dimensions."""

from __future__ import annotations

import math
import platform

import msgspec

from fireside.cards import ModelCard
from fireside.footprint import Need, need
from fireside.models.bits import about_parameters
from fireside.models.dimensions import Dimensions
from fireside.models.gguf import Header
from fireside.models.tensors import TensorGroup

PACKED_ANEW = (
    frozenset(("Q4_0", "Q4_K", "IQ4_NL", "MXFP4"))
    if platform.machine().lower() in ("x86_64", "amd64")
    else frozenset(("Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"))
)
"""Formats that are held a second time, in an order that suits the processor (ggml-cpu, repack.cpp)"""


class Demand(msgspec.Struct, frozen=True):
    """Everything of a model that its memory and its speed depend on."""

    size_bytes: int
    """of all its files"""
    groups: tuple[TensorGroup, ...]
    dimensions: Dimensions = Dimensions()
    vocabulary: int = 0
    context_length: int | None = None
    """tokens that it was made for"""

    @property
    def main_format(self) -> str:
        """The format that most of the weights have."""
        sums: dict[str, int] = {}
        for group in self.groups:
            sums[group.kind] = sums.get(group.kind, 0) + group.elements
        return max(sums, key=lambda kind: sums[kind], default="Q4_K")

    @property
    def copied_bytes(self) -> int:
        """Bytes that are held twice once it is loaded; one half can be had back when memory is short."""
        return sum(
            group.size_bytes
            for group in self.groups
            if group.kind in PACKED_ANEW and group.use in ("layers", "experts")
        )

    def kept_as(self, share: float) -> Demand:
        """Return the demand where keys and values take this share of what 16 bits take."""
        kept = msgspec.structs.replace(self.dimensions, head_bytes=round(self.dimensions.head_bytes * share))
        return msgspec.structs.replace(self, dimensions=kept)

    def need(self, context_length: int, slots: int) -> Need:
        """Return the memory that it keeps with `slots` conversations at once."""
        return need(
            weights=self.size_bytes,
            cache_slot_bytes=self.dimensions.cache_bytes(context_length),
            batch_token_bytes=self.dimensions.batch_token_bytes,
            context_length=context_length,
            slots=slots,
            vocabulary=self.vocabulary,
        )

    def share_of(self, group: TensorGroup) -> float:
        """Return the share of a group's weights that one token meets."""
        return self.dimensions.experts_share if group.use == "experts" else 1.0


def demand_of_header(header: Header, size_bytes: int | None = None) -> Demand:
    """Return the demand of a model whose header was read; `size_bytes` is that of all its files."""
    size = size_bytes or header.size_bytes
    scale = size / header.size_bytes
    return Demand(
        size_bytes=size,
        groups=tuple(_scaled(group, scale) for group in header.groups),
        dimensions=header.dimensions,
        vocabulary=header.vocabulary or 0,
        context_length=header.context_length,
    )


def demand_of_card(card: ModelCard) -> Demand:
    """Return the demand of a model of which only its card is known.

    Its dimensions are those of most models of its size since 2023: at least 28 layers, and more of them from
    9 billion parameters on; keys and values a third as wide as what is computed.
    """
    kind = _main(card.quantization)
    parameters = card.parameters or about_parameters(card.size_bytes, card.quantization)
    layers = max(28, round(math.sqrt(parameters) / 3300))
    width = 64 * max(1, round(math.sqrt(parameters / (14 * layers)) / 64))
    return Demand(
        size_bytes=card.size_bytes,
        groups=(TensorGroup(kind, "layers", parameters, card.size_bytes),),
        dimensions=Dimensions(
            width=width,
            inner_width=3 * width,
            key_heads=layers,
            head_bytes=4 * width // 3,
            layers=layers,
            query_values=layers * width,
        ),
        context_length=card.context_length,
    )


def _scaled(group: TensorGroup, scale: float) -> TensorGroup:
    if scale == 1:
        return group
    return TensorGroup(group.kind, group.use, round(group.elements * scale), round(group.size_bytes * scale))


def _main(quantization: str | None) -> str:
    """Return the format of most weights, as a file's own name for its mixture tells it.

    >>> _main("Q4_K_M"), _main("F16"), _main(None)
    ('Q4_K', 'F16', 'Q4_K')
    """
    kind = quantization or "Q4_K"
    return kind[:-2] if kind.endswith(("_S", "_M", "_L")) else kind


__all__ = ["Demand", "TensorGroup", "demand_of_card", "demand_of_header"]
