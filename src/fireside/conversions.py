"""What is said of models that were converted here: what they were made from, and how they compare with it."""

from __future__ import annotations

import msgspec

KINDS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "Q4_0", "Q3_K_M")
"""the formats that models are converted to, the best first"""


class Side(msgspec.Struct, frozen=True):
    """One of two models that were measured side by side. Speeds are tokens per second."""

    size_bytes: int
    perplexity: float
    """of the text that comes with Fireside"""
    reading: float
    writing: float
    resident_bytes: int | None = None
    """of memory that its engine held; None where the system doesn't tell"""


class Measured(msgspec.Struct, frozen=True):
    """A converted model beside the one that it was made from, in turns, in the same engine."""

    before: Side
    after: Side
    perplexity_ratio: float
    """over 1 is worse"""
    error: float
    """of that ratio, as one standard error: what is less than twice of it may be chance"""
    reading: float
    """how many times as fast it reads; the median of the turns"""
    writing: float
    build: str
    """of the engine"""


class Conversion(msgspec.Struct, frozen=True):
    """How a model was made here."""

    source: str
    """the reference of the model that it was made from"""
    kind: str
    was: str | None
    """the format of the weights that it was made from"""
    measured: Measured | None = None


class Plan(msgspec.Struct, frozen=True):
    """What a conversion would make. `notices` are plain sentences that a person must be told before."""

    reference: str
    source: str
    kind: str
    size_bytes: int
    source_bytes: int
    notices: tuple[str, ...] = ()
    is_here: bool = False
    """whether it was made already"""


class Plans(msgspec.Struct, frozen=True):
    plans: tuple[Plan, ...]
