"""What a model takes of memory once it is loaded (docs/decisions/0008-engine-child.md)."""

from __future__ import annotations

import msgspec

PROCESS_BYTES = 56 * 2**20
"""the engine's own process, measured: 55–57 MiB without model, context and buffers"""
WORD_BYTES = 130
"""for each entry of the vocabulary: 35 MB were measured for 262,144 of them"""
TORCH_BYTES = 500 * 2**20
"""the process that hosts transformers instead, measured without a model"""
MASK_BYTES = 2
"""for each pair of a token that is read and one that it may look at"""
READ_AT_ONCE = 128
"""tokens that the engine reads at once on the CPU"""
PICTURE_AT_ONCE = 512
"""at least, where it sees: some models look back and forth in a picture (llama.cpp, mtmd.cpp,
`mtmd_decode_use_non_causal`), and of one that is read in pieces the first doesn't see the others, without an
error. Gemma 3's has 256 tokens."""


def read_at_once(batch: int | None, *, sees: bool, usual: int = READ_AT_ONCE) -> int:
    """Return how many tokens are read at once, where `batch` was set or tuned.

    >>> read_at_once(None, sees=False), read_at_once(64, sees=True)
    (128, 512)
    """
    return max(batch or usual, PICTURE_AT_ONCE if sees else 0)


class Need(msgspec.Struct, frozen=True):
    """What a model takes once it is loaded, in bytes."""

    weights: int
    context: int
    """the KV cache of all slots"""
    rest: int
    """buffers, and the process"""

    @property
    def total(self) -> int:
        return self.weights + self.context + self.rest


def need(
    *,
    weights: int,
    cache_slot_bytes: int,
    batch_token_bytes: int,
    context_length: int,
    slots: int,
    batch: int = READ_AT_ONCE,
    vocabulary: int = 0,
) -> Need:
    """Return what is taken with `slots` conversations of `context_length` tokens at once."""
    return Need(
        weights=weights,
        context=cache_slot_bytes * slots,
        rest=PROCESS_BYTES
        + vocabulary * WORD_BYTES
        + batch * (batch_token_bytes + MASK_BYTES * context_length),
    )
