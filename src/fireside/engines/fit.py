"""Whether a model fits into the memory that is left, said before anything is loaded."""

from __future__ import annotations

import msgspec

from fireside.engines import machine
from fireside.engines.llamacpp_child import CPU_BATCH
from fireside.engines.protocol import ModelFile
from fireside.errors import NotEnoughMemory

SPARE_BYTES = 512 * 2**20
"""for what was read before, which the engine keeps beside its slots, and for everybody else"""
PROCESS_BYTES = 60 * 2**20
"""the engine's own process, measured: 55–57 MiB without model, context and buffers"""
MASK_BYTES = 2
"""for each pair of a token that is read and one that it may look at"""


class Need(msgspec.Struct, frozen=True):
    """What a model takes once it is loaded, in bytes (measured: docs/decisions/0008-engine-child.md)."""

    weights: int
    context: int
    """the KV cache of all slots"""
    rest: int
    """buffers, and the process"""

    @property
    def total(self) -> int:
        return self.weights + self.context + self.rest


def need_of(model: ModelFile, slots: int) -> Need | None:
    """Return what `model` takes with `slots` conversations at once; None where its file can't be read."""
    try:
        weights = model.size_bytes or model.path.stat().st_size
    except OSError:
        return None
    reads_whole_texts = model.pooling not in (None, "last")
    batch = model.context_length if reads_whole_texts else CPU_BATCH
    return Need(
        weights=weights,
        context=model.cache_token_bytes * model.context_length * slots,
        rest=PROCESS_BYTES + batch * (model.batch_token_bytes + MASK_BYTES * model.context_length),
    )


def memory_allows(model: ModelFile, slots: int) -> bool:
    """Return whether `model` fits beside what is loaded; where nobody tells, it doesn't."""
    available, need = machine.available_bytes(), need_of(model, slots)
    if need is None or available is None:
        return False
    return available > need.total * 1.1 + SPARE_BYTES


def refuse_what_never_fits(model: ModelFile, slots: int, held_bytes: int) -> None:
    """Raise NotEnoughMemory where `model` wouldn't fit even if the engines gave back `held_bytes`.

    Where nobody tells how much there is, or a graphics processor holds the model, nothing is refused.
    """
    available, need = machine.available_bytes(), need_of(model, slots)
    if available is None or need is None or machine.graphics_device():
        return
    had = available + held_bytes
    if need.total > had:
        smaller = "set a smaller `context_length` or fewer `slots`"
        other = "close other programs, or choose a smaller model or quantization"
        raise NotEnoughMemory(
            f"{model.reference} needs about {_gb(need.total)} of memory: {_gb(need.weights)} for its weights"
            f", {_gb(need.context)} for {slots} × {model.context_length:,} tokens; {_gb(had)} can be had",
            hint=f"{smaller}, {other}" if need.context * 4 > need.total else other,
        )


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
