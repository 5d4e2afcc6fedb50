"""Which of the models found comes first. Pure: the same offers in the same order on the same day.

What can't run here stands behind what doesn't fit, and that behind what runs. Among its like each offer
has points, and the most points come first:

| for | points |
|---|---|
| each wanted language that its card names | 3 |
| GGUF, which the engine at hand runs | 2 |
| instruct, where nothing else was asked for | 1.5 |
| downloads of a month | 0.5 for each power of ten |
| likes | 0.5 for each power of ten |
| the last change | 1 today, none after two years |
| a licence that is known | 0.5, and 0.5 more for one that allows nearly everything |
| nobody has to be asked for it | 0.5 |
| parameters | 0.25 for each doubling over half a billion, at most 1.5 |
| writing slower than one reads | up to 3 fewer |
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fireside.offers import Offer, Wanted

YEAR_MS = 365.25 * 24 * 3600 * 1000
READING_WORDS_PER_S = 4.0
"""About as fast as people read (Brysbaert, J. Mem. Lang. 109, 2019: 238 words a minute)."""


def ranked(offers: Iterable[Offer], wanted: Wanted, now_ms: int) -> list[Offer]:
    """Return the offers, the best for what is wanted first; of equal ones the first by name."""
    return sorted(
        offers, key=lambda offer: (hindered(offer), -points(offer, wanted, now_ms), offer.card.reference)
    )


def hindered(offer: Offer) -> int:
    """Return 0 for what runs here, 1 for what doesn't fit, 2 for what nothing here can run."""
    if offer.obstacle:
        return 2
    return 1 if offer.prediction is not None and offer.prediction.fits is False else 0


def points(offer: Offer, wanted: Wanted, now_ms: int) -> float:
    """Return the points of the table above."""
    card = offer.card
    return sum(
        (
            3.0 * len(set(wanted.languages) & set(card.languages)),
            2.0 if card.weights == "gguf" else 0.0,
            1.5 if wanted.tuned_for is None and card.tuned_for == "instruct" else 0.0,
            0.5 * math.log10(1 + (offer.downloads or 0)),
            0.5 * math.log10(1 + (offer.likes or 0)),
            _freshness(offer.updated_at, now_ms),
            0.5 * (card.licence is not None) + 0.5 * (card.terms is None),
            0.0 if offer.gated else 0.5,
            _capability(card.parameters),
            -_slowness(offer),
        )
    )


def _freshness(updated_at: int | None, now_ms: int) -> float:
    if updated_at is None:
        return 0.0
    return min(max(1 - (now_ms - updated_at) / (2 * YEAR_MS), 0.0), 1.0)


def _capability(parameters: int | None) -> float:
    if not parameters:
        return 0.0
    return min(max(0.25 * math.log2(parameters / 5e8), 0.0), 1.5)


def _slowness(offer: Offer) -> float:
    speed = offer.prediction.words_per_s if offer.prediction else None
    if speed is None or speed >= READING_WORDS_PER_S:
        return 0.0
    return 3.0 * (1 - speed / READING_WORDS_PER_S)
