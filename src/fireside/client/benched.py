"""What `fireside bench` finds of a model on this machine: times in seconds, speeds in tokens per second."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal

import msgspec

from fireside.predictions import Prediction

UNSTEADY = 1.5
"""times that the slowest try took as long as the fastest: then other programs compute, too"""
TELLING_TOKENS = 16
"""A shorter reply says nothing about how fast it is written."""

Kind = Literal["prebuilt", "built", "own", "other"]
"""of the engine: it came with Fireside, was built here, is named in the settings, or isn't llama.cpp"""


class Spread(msgspec.Struct, frozen=True):
    """The median of a few tries, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """
        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, least=1.0, most=3.0)
        """
        return cls(statistics.median(values), min(values), max(values))

    @property
    def is_steady(self) -> bool:
        return self.most <= UNSTEADY * self.least


class Asked(msgspec.Struct, frozen=True):
    """One answer: seconds by the client's clock, and the engine's counts."""

    first_word_s: float
    total_s: float
    read_tokens: int
    """of the prompt: those that it hadn't read before"""
    completion_tokens: int
    writing_s: float
    """from the first word to the last"""

    @property
    def reply_tokens_per_s(self) -> float | None:
        """of those behind the first; None for a reply that is too short to tell"""
        if self.completion_tokens < TELLING_TOKENS or not self.writing_s:
            return None
        return (self.completion_tokens - 1) / self.writing_s


class Answers(msgspec.Struct, frozen=True):
    """How one kind of question was answered, over a few tries."""

    read_tokens: int
    first_word_s: Spread
    read_tokens_per_s: Spread
    reply_tokens_per_s: Spread | None
    """None where all replies were too short to tell"""

    @classmethod
    def of(cls, tries: Sequence[Asked]) -> Answers:
        speeds = [one.reply_tokens_per_s for one in tries if one.reply_tokens_per_s is not None]
        return cls(
            read_tokens=round(statistics.median(one.read_tokens for one in tries)),
            first_word_s=Spread.of([one.first_word_s for one in tries]),
            read_tokens_per_s=Spread.of([one.read_tokens / one.first_word_s for one in tries]),
            reply_tokens_per_s=Spread.of(speeds) if speeds else None,
        )

    @property
    def is_steady(self) -> bool:
        """Whether all tries took about as long: reading a few words is too short for that."""
        return self.first_word_s.is_steady and (
            self.reply_tokens_per_s is None or self.reply_tokens_per_s.is_steady
        )


class Together(msgspec.Struct, frozen=True):
    """Several at once: what all of them get in a second, waiting included, and what one alone gets."""

    conversations: int
    tokens_per_s: float
    alone_tokens_per_s: float


class Benched(msgspec.Struct, frozen=True):
    """What was measured of one model on this machine."""

    model: str
    name: str
    engine: str
    kind: Kind
    build: str
    device: str
    context_length: int
    slots: int
    threads: int | None
    prompt_threads: int | None
    tuned: bool
    """by `fireside tune`, for this model"""
    load_s: float
    memory_bytes: int | None
    short: Answers
    """to a question of a few words"""
    hundred_words: Answers
    """to one of about `READ_TOKENS`"""
    long: Answers
    """to a long text that it had never read"""
    following: Answers
    """to a short question behind that text"""
    together: Together
    predicted: Prediction
    """before it was measured"""
    was_busy: bool
    """whether other programs seem to have computed meanwhile"""
    took_s: float
