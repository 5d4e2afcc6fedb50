"""Whether a model fits into the memory that is left, said before anything is loaded."""

from __future__ import annotations

from fireside.amounts import in_bytes
from fireside.engines import machine, processor
from fireside.engines.protocol import ModelFile
from fireside.errors import NotEnoughMemory
from fireside.footprint import TORCH_BYTES, Need, need, read_at_once

SPARE_BYTES = 512 * 2**20
"""for what was read before, which the engine keeps beside its slots, and for everybody else"""


def need_of(model: ModelFile, slots: int) -> Need | None:
    """Return what `model` takes with `slots` conversations at once, or with as many as it was tuned for.

    None where its file can't be read.
    """
    if model.engine == "transformers":
        return need_with_torch(model.size_bytes, model.cache_token_bytes * model.context_length)
    try:
        weights = model.size_bytes or model.path.stat().st_size
    except OSError:
        return None
    reads_whole_texts = model.pooling not in (None, "last")
    tuned = model.tuned
    slots = tuned.slots or slots
    at_once = read_at_once(tuned.batch, sees=model.projector is not None)
    return need(
        weights=weights,
        cache_slot_bytes=round(model.cache_token_bytes * tuned.cache_share) * model.context_length,
        batch_token_bytes=model.batch_token_bytes,
        context_length=model.context_length,
        slots=slots,
        batch=model.context_length if reads_whole_texts else at_once,
    )


def need_with_torch(size_bytes: int | None, cache_slot_bytes: int) -> Need | None:
    """Return what a model of 16 bits takes by transformers: one slot; None where nobody says how large it is.

    Weights and states have 32 bits in memory where the processor is slow with fewer.
    """
    if not size_bytes:
        return None
    widths = 1 if processor.multiplies_bfloat16() else 2
    return Need(weights=size_bytes * widths, context=cache_slot_bytes * widths, rest=TORCH_BYTES)


def memory_allows(model: ModelFile, slots: int, reserved_bytes: int = 0) -> bool:
    """Return whether `model` fits beside what is loaded; where nobody tells, it doesn't.

    Of what is available, `reserved_bytes` are promised to others.
    """
    available, needed = machine.available_bytes(), need_of(model, slots)
    if needed is None or available is None:
        return False
    return available - reserved_bytes > needed.total * 1.1 + SPARE_BYTES


def refuse_what_never_fits(model: ModelFile, slots: int, held_bytes: int) -> None:
    """Raise NotEnoughMemory where `model` wouldn't fit even if the engines gave back `held_bytes`.

    Where nobody tells how much there is, or a graphics processor holds the model, nothing is refused.
    """
    available, needed = machine.available_bytes(), need_of(model, slots)
    if available is None or needed is None or machine.graphics_device():
        return
    had = available + held_bytes
    if needed.total > had:
        smaller = "set a smaller `context_length` or fewer `slots`"
        other = "close other programs, or choose a smaller model or quantization"
        weights, context = in_bytes(needed.weights), in_bytes(needed.context)
        raise NotEnoughMemory(
            f"{model.reference} needs about {in_bytes(needed.total)} of memory: {weights} for weights"
            f", {context} for {slots} × {model.context_length:,} tokens; {in_bytes(had)} can be had",
            hint=f"{smaller}, {other}" if needed.context * 4 > needed.total else other,
        )
