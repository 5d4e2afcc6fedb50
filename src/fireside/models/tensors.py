"""What a model's weights are made of: how many there are of each format, and when a token meets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

Use = Literal["layers", "experts", "output", "rows"]
"""`rows`: a table of which each token takes one row; `output`: multiplied for each token that is written.
A model without an output of its own uses its table of words for both, which then counts as `output`."""


class Tensor(NamedTuple):
    """One tensor as a header tells it."""

    name: str
    kind: str
    elements: int
    offset: int
    size_bytes: int
    number: int = 0
    """of its format"""
    row: int = 0
    """elements of its first dimension"""
    dimensions: int = 1


class TensorGroup(msgspec.Struct, frozen=True):
    """All weights of one format and use."""

    kind: str
    """the format, as ggml calls it: `Q4_K`, `F16`"""
    use: Use
    elements: int
    size_bytes: int


def grouped(tensors: Iterable[Tensor]) -> tuple[TensorGroup, ...]:
    """Return the weights by format and use. Names of tensors: ggml's docs/gguf.md.

    >>> [(group.use, group.elements) for group in grouped([Tensor("token_embd.weight", "Q8_0", 64, 0, 68)])]
    [('output', 64)]
    """
    tensors = tuple(tensors)
    has_output = any(tensor.name == "output.weight" for tensor in tensors)
    sums: dict[tuple[str, Use], tuple[int, int]] = {}
    for tensor in tensors:
        key = tensor.kind, _use(tensor.name, has_output)
        elements, size_bytes = sums.get(key, (0, 0))
        sums[key] = elements + tensor.elements, size_bytes + tensor.size_bytes
    return tuple(TensorGroup(kind, use, *counts) for (kind, use), counts in sums.items())


def _use(name: str, has_output: bool) -> Use:
    if name == "output.weight" or (name == "token_embd.weight" and not has_output):
        return "output"
    if name.endswith("token_embd.weight"):
        return "rows"
    return "experts" if "_exps." in name else "layers"
