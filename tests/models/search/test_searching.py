"""Searching a hub by its real client: what it is asked, and what becomes of its answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.finding import Finder
from fireside.models.search.hub_search import DETAILED
from fireside.offers import Offer
from hub_search_server import ALL, LARGE_GERMAN, SMALL_GERMAN, Hub, gguf, model
from models.search.conftest import finding


def references(offers: tuple[Offer, ...]) -> list[str]:
    return [offer.card.reference for offer in offers]


async def test_words_become_filters_of_the_hub(finder: Finder, hub: Hub) -> None:
    await finder.search("german instruct")
    first, second = sorted(hub.lists(), key=lambda query: "pipeline_tag" in query)
    assert first["filter"] == ["de", "conversational", "gguf"]
    assert second["filter"] == ["de", "conversational", "safetensors"]
    assert "search" not in first


async def test_what_runs_here_comes_first_and_says_what_it_takes(finder: Finder) -> None:
    found = await finder.search("german instruct")
    assert references(found.offers) == [
        "hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M",
        "hf:maker/Gross-70B-Instruct-GGUF:Q4_K_M",
        "hf:maker/Ordner-7B-Chat",
    ]
    small, large, folder = found.offers
    assert (small.card.size_bytes, small.size_is_exact) == (1_900_000_000, True)
    assert small.card.languages == ("de", "en")
    assert (small.card.licence, small.card.terms, small.card.tuned_for) == ("Apache-2.0", None, "instruct")
    assert small.prediction is not None
    assert small.prediction.fits
    assert small.prediction.words_per_s
    assert large.card.size_bytes == 42_000_000_000
    assert large.prediction is not None
    assert large.prediction.fits is False
    assert (folder.library, folder.gated) == ("safetensors", True)
    assert "PyTorch" in (folder.obstacle or "")
    assert "GGUF" in (folder.instead or "")


async def test_fits_leaves_out_what_does_not_run_here(finder: Finder) -> None:
    found = await finder.search("german instruct", fits=True)
    assert references(found.offers) == ["hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M"]


async def test_the_quantisation_is_the_best_that_fits(hub: Hub, tmp_path: Path) -> None:
    with finding(hub, tmp_path, memory_bytes=2_600_000_000) as finder:
        found = await finder.search("klein")
    assert references(found.offers)[0] == "hf:maker/Klein-3B-Instruct-GGUF:Q2_K"


async def test_what_is_for_tensorflow_is_named_with_what_to_do(finder: Finder) -> None:
    found = await finder.search("ordner-old")
    assert [offer.library for offer in found.offers] == ["TensorFlow"]
    assert found.offers[0].prediction is None
    assert "TensorFlow" in (found.offers[0].obstacle or "")
    assert "GGUF" in (found.offers[0].instead or "")


async def test_models_for_embeddings_are_found_when_asked_for_and_write_nothing(finder: Finder) -> None:
    found = await finder.search("embedding deutsch")
    assert references(found.offers) == ["hf:maker/Vektor-Embedding-GGUF:F16"]
    told = found.offers[0].prediction
    assert told is not None
    assert (told.words_per_s, told.first_word_s, told.fits) == (None, None, True)


async def test_a_search_asks_little_and_the_next_minutes_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.models = [
        model(f"maker/many-{number}-GGUF", {"x-Q4_K_M.gguf": 1_900_000_000}, "gguf") for number in range(60)
    ]
    with finding(hub, tmp_path) as finder:
        found = await finder.search("many")
        assert len(found.offers) == 10
        assert len(hub.details()) == DETAILED
        assert len(hub.asked) <= 20
        asked = len(hub.asked)
        assert (await finder.search("MANY  models")).offers == found.offers
        assert len(hub.asked) == asked + 2  # other letters are other words for the hub's names
        await finder.search("many")
        assert len(hub.asked) == asked + 2


async def test_without_the_files_sizes_they_are_reckoned(hub: Hub, tmp_path: Path) -> None:
    unsized = {**SMALL_GERMAN, "siblings": [{"rfilename": "klein-Q4_K_M.gguf"}]}
    hub.models = [unsized]
    with finding(hub, tmp_path) as finder:
        offer = (await finder.search("klein")).offers[0]
    assert not offer.size_is_exact
    assert offer.card.size_bytes == pytest.approx(1_900_000_000, rel=0.1)


async def test_the_token_goes_to_the_hub(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_mine"
    with finding(hub, tmp_path, HF_TOKEN="hf_mine") as finder:
        assert (await finder.search("german")).offers
    assert {each["authorization"] for each in hub.headers} == {"Bearer hf_mine"}


async def test_what_is_here_is_marked(hub: Hub, tmp_path: Path) -> None:
    with finding(hub, tmp_path, here=["hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M"]) as finder:
        found = await finder.search("german instruct")
    assert [offer.card.installed for offer in found.offers] == [True, False, False]


async def test_a_mixture_of_experts_is_as_fast_as_what_a_token_meets(hub: Hub, tmp_path: Path) -> None:
    files = {"mix-Q4_K_M.gguf": 4_000_000_000}
    dense = model("maker/Dense-6B-GGUF", files, "gguf", gguf=gguf(6_000_000_000))
    sparse = model("maker/Sparse-6B-A1B-GGUF", files, "gguf", gguf=gguf(6_000_000_000))
    hub.models = [dense, sparse]
    with finding(hub, tmp_path) as finder:
        first, second = (await finder.search("6b")).offers
    assert first.card.name == "Sparse-6B-A1B-GGUF"
    assert first.prediction is not None
    assert second.prediction is not None
    assert first.prediction.memory_bytes == second.prediction.memory_bytes
    assert (first.prediction.words_per_s or 0) > 3 * (second.prediction.words_per_s or 0)


def test_the_models_of_these_tests_are_distinct() -> None:
    assert len({one["id"] for one in ALL}) == len(ALL)
    assert LARGE_GERMAN["siblings"][0]["rfilename"].endswith("00001-of-00002.gguf")
