"""Whether a model runs here, and how fast: shown before anything is downloaded. A shape of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

Basis = Literal["measured", "predicted", "estimated"]
"""`measured`: this very model has run here; `predicted`: from what was measured of this machine; `estimated`:
nothing was measured yet, and a usual machine with as many cores stands for this one"""
WORDS_PER_TOKEN = 0.75
"""of English; other languages take more tokens for a word, Chinese about one for each character"""
READ_TOKENS = 128
"""of the question that the time to the first word is told for: about a hundred words"""
TALKED_TOKENS = 512
"""of the conversation in which the reply's speed is told: longer ones are written slower"""


class Prediction(msgspec.Struct, frozen=True):
    """What one model takes and gives on this machine. None where nobody can tell."""

    memory_bytes: int
    """that it takes once it is loaded, with the context of all slots"""
    available_bytes: int | None
    """that can be had for it; the graphics processor's where that computes"""
    fits: bool | None
    prompt_tokens_per_s: float | None
    reply_tokens_per_s: float | None
    words_per_s: float | None
    """of the reply, in English"""
    first_word_s: float | None
    """after a question of `READ_TOKENS`, once the model is loaded"""
    basis: Basis
    context_length: int = 0
    """tokens of one conversation"""
    load_s: float | None = None
    """for the first answer after a pause"""
    graphics_share: float | None = None
    """of the model, that fits into the graphics processor's memory; None where none computes"""


class Fit(msgspec.Struct, frozen=True):
    """Whether a model fits, in numbers and in words."""

    reference: str
    name: str
    installed: bool
    prediction: Prediction
    words: str
    """in English"""


class Fits(msgspec.Struct, frozen=True):
    fits: tuple[Fit, ...]
    is_measured: bool
    """whether this machine was: until then everything is estimated"""
    was_busy: bool = False
    """whether other programs kept it busy meanwhile; it is measured anew when it is quiet"""


def plain(text: str, **values: object) -> str:
    return text.format(**values)


def in_words(prediction: Prediction, _: Callable[..., str] = plain) -> str:
    """Return the prediction in a line for people, in the language of `_`.

    >>> in_words(Prediction(4_400_000_000, 24_000_000_000, True, 60, 12, 9, 2.1, "predicted"))
    'answers start in 2 s, 9 words/s; 4.4 of 24 GB'
    """
    memory = _memory(prediction, _)
    if prediction.fits is False:
        return _("does not fit: {memory}", memory=memory)
    if prediction.first_word_s is None or prediction.words_per_s is None:
        return memory
    speed = _(
        "answers start in {time}, {words} words/s",
        time=_time(prediction.first_word_s),
        words=_rounded(prediction.words_per_s),
    )
    share = prediction.graphics_share
    if share is not None and share < 1:
        speed += ", " + _("{share:.0%} on the graphics processor", share=share)
    return f"{speed}; {memory}"


def _memory(prediction: Prediction, _: Callable[..., str]) -> str:
    needs = _gigabytes(prediction.memory_bytes)
    if prediction.available_bytes is None:
        return f"{needs} GB"
    return _("{needs} of {available} GB", needs=needs, available=_gigabytes(prediction.available_bytes))


def _gigabytes(size_bytes: int) -> str:
    """
    >>> _gigabytes(24_000_000_000), _gigabytes(4_400_000_000), _gigabytes(10_000_000)
    ('24', '4.4', '0.1')
    """
    size = max(size_bytes / 1e9, 0.1)
    return f"{size:.0f}" if size >= 9.95 else f"{size:.1f}"


def _time(seconds: float) -> str:
    """
    >>> _time(0.26), _time(2.4), _time(200)
    ('0.3 s', '2 s', '3 min')
    """
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{_rounded(seconds)} s"


def _rounded(number: float) -> str:
    """Return a number with the digits that a prediction deserves.

    >>> _rounded(0.02), _rounded(1.26), _rounded(5.6), _rounded(87.3)
    ('0.1', '1.3', '6', '87')
    """
    return f"{number:.0f}" if number >= 1.95 else f"{max(number, 0.1):.1f}"
