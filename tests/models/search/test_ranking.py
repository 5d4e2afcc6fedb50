"""Which of the models found comes first."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from fireside.cards import ModelCard
from fireside.models.search.ranking import YEAR_MS, points, ranked
from fireside.offers import Offer, Wanted
from fireside.predictions import Prediction

NOW_MS = 1_795_000_000_000
GERMAN = Wanted(languages=("de",))


def prediction(*, fits: bool = True, words_per_s: float = 9.0) -> Prediction:
    return Prediction(2 * 10**9, 8 * 10**9, fits, 60, 12, words_per_s, 2.0, "predicted")


def offer(name: str = "x", **card: object) -> Offer:
    about = ModelCard(
        f"hf:maker/{name}",
        name,
        "maker",
        "Apache-2.0",
        2 * 10**9,
        installed=False,
        weights="gguf",
        tuned_for="instruct",
        parameters=3 * 10**9,
        languages=("de", "en"),
    )
    made = replace(about, **card)
    return Offer(made, "GGUF", downloads=1_000, likes=10, updated_at=NOW_MS, prediction=prediction())


USUAL = offer()


@pytest.mark.parametrize(
    "worse",
    [
        replace(USUAL, obstacle="for TensorFlow", downloads=10**9),
        replace(USUAL, prediction=prediction(fits=False), downloads=10**9),
        replace(USUAL, prediction=prediction(words_per_s=0.5)),
        offer(languages=("en",)),
        offer(weights="safetensors"),
        offer(tuned_for="base"),
        offer(terms="not for commercial use"),
        offer(licence=None, terms="nobody says"),
        offer(parameters=10**9),
        replace(USUAL, downloads=10),
        replace(USUAL, likes=0),
        replace(USUAL, updated_at=round(NOW_MS - YEAR_MS)),
        replace(USUAL, gated=True),
    ],
)
def test_each_of_its_virtues_puts_a_model_first(worse: Offer) -> None:
    for given in ([USUAL, worse], [worse, USUAL]):
        assert ranked(given, GERMAN, NOW_MS)[0] is USUAL


def test_what_does_not_fit_stands_before_what_nothing_can_run() -> None:
    too_large = replace(offer("large"), prediction=prediction(fits=False))
    unusable = replace(offer("old"), obstacle="for TensorFlow")
    assert ranked([unusable, too_large, USUAL], GERMAN, NOW_MS) == [USUAL, too_large, unusable]


def test_the_order_does_not_depend_on_that_of_the_hub() -> None:
    offers = [offer(f"m{number}") for number in range(20)]
    shuffled = random.Random(1).sample(offers, len(offers))
    assert ranked(offers, GERMAN, NOW_MS) == ranked(shuffled, GERMAN, NOW_MS)


def test_a_base_model_that_was_asked_for_loses_nothing() -> None:
    asked_for = points(offer(tuned_for="base"), Wanted(tuned_for="base"), NOW_MS)
    assert asked_for == points(USUAL, Wanted(tuned_for="instruct"), NOW_MS)
