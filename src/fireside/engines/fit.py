"""Whether a model fits into the memory that is left, said before anything is loaded."""

from __future__ import annotations

from fireside.engines import machine
from fireside.engines.protocol import ModelFile
from fireside.errors import NotEnoughMemory

SPARE_BYTES = 512 * 2**20
LEAST_SPARE_BYTES = 64 * 2**20
"""for the context and the engine's own process, at the very least"""


def memory_allows(model: ModelFile) -> bool:
    """Return whether `model` fits beside what is loaded; where nobody tells, it doesn't."""
    available = machine.available_bytes()
    size_bytes = _size_bytes(model)
    if size_bytes is None or available is None:
        return False
    return available > size_bytes * 1.25 + SPARE_BYTES


def refuse_what_never_fits(model: ModelFile, held_bytes: int) -> None:
    """Raise NotEnoughMemory where `model` wouldn't fit even if the engines gave back `held_bytes`.

    Where nobody tells how much there is, or a graphics processor holds the model, nothing is refused.
    """
    available, size_bytes = machine.available_bytes(), _size_bytes(model)
    if available is None or size_bytes is None or machine.graphics_device():
        return
    needed, had = size_bytes + LEAST_SPARE_BYTES, available + held_bytes
    if needed > had:
        raise NotEnoughMemory(
            f"{model.reference} needs about {needed / 1e9:.1f} GB of memory; {had / 1e9:.1f} GB can be had",
            hint="close other programs, or choose a smaller model or quantization",
        )


def _size_bytes(model: ModelFile) -> int | None:
    try:
        return model.path.stat().st_size
    except OSError:
        return None
