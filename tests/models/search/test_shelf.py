"""The shelf of good first models: its data can be trusted, and what it recommends suits the machine."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import asdict, fields

from fireside.language_names import is_language
from fireside.models.bits import about_bytes
from fireside.models.licences import NAMES
from fireside.models.recommended import Recommended, looked_up, recommended
from fireside.models.references import parse
from hub_search_server import Hub
from models.search.conftest import finding

SHELF = recommended()
DEFAULTS = {field.name: field.default for field in fields(Recommended)}


@pytest.mark.parametrize("model", SHELF, ids=lambda model: model.reference)
def test_every_field_has_the_address_where_it_was_read(model: Recommended) -> None:
    told = {name for name, value in asdict(model).items() if value != DEFAULTS[name]} - {"sources"}
    assert set(model.sources) == told
    for address in model.sources.values():
        assert urlsplit(address).scheme == "https"


@pytest.mark.parametrize("model", SHELF, ids=lambda model: model.reference)
def test_its_fields_are_plausible(model: Recommended) -> None:
    assert parse(model.reference).source == "hf"
    assert model.licence in NAMES
    assert model.size_bytes == pytest.approx(about_bytes(model.parameters, model.quantization), rel=0.3)
    assert model.file is None or model.quantization.lower() in model.file.lower()
    assert all(map(is_language, model.languages))
    assert model.languages or model.languages_said or model.name == "gpt-oss 20B"
    assert (model.tuned_for is None) == (model.purpose != "chat")


def test_the_shelf_is_short_and_was_looked_up() -> None:
    assert 12 <= len(SHELF) <= 18
    assert len({model.reference for model in SHELF}) == len(SHELF)
    assert looked_up() >= date(2026, 11, 27)


@pytest.mark.parametrize("memory_gb", [2, 4, 8, 16, 32])
def test_there_is_something_for_every_size_of_memory(memory_gb: int) -> None:
    """Weights with a quarter for the conversation and buffers, and a gigabyte for everybody else."""
    sizes = [model.size_bytes * 1.25 + 1e9 for model in SHELF if model.purpose == "chat"]
    assert any(memory_gb * 0.4e9 < size <= memory_gb * 1e9 for size in sizes)


@pytest.mark.parametrize("language", ["en", "zh", "de", "fr", "es", "pl"])
def test_there_is_something_for_every_language(language: str) -> None:
    assert any(language in model.languages for model in SHELF if model.tuned_for == "instruct")


def test_there_is_something_for_every_purpose() -> None:
    assert any(model.code for model in SHELF)
    assert any(model.sees for model in SHELF)
    assert any(model.tuned_for == "base" for model in SHELF)
    assert any(model.purpose == "embedding" for model in SHELF)


GB = 10**9


@pytest.mark.parametrize(
    ("language", "memory_bytes", "speed", "name"),
    [
        ("en", 1 * GB, 1, "SmolLM2-135M-Instruct"),
        ("en", 2 * GB, 1, "Qwen2.5 0.5B Instruct"),
        ("en", 32 * GB, 50, "Qwen3 32B"),
        ("de", 32 * GB, 50, "Mistral Small 3.1 24B Instruct"),
        ("de", 8 * GB, 50, "EuroLLM 9B Instruct"),
        ("de", 32 * GB, 1, "Llama 3.2 3B Instruct"),
        ("zh", 32 * GB, 1, "Qwen3 1.7B"),
        ("zh", 32 * GB, 0.01, "Qwen2.5 0.5B Instruct"),
        ("pl", 32 * GB, 1, "EuroLLM 9B Instruct"),
    ],
)
async def test_what_to_begin_with_suits_machine_and_language(
    tmp_path: Path, language: str, memory_bytes: int, speed: float, name: str
) -> None:
    with finding(Hub(url="http://127.0.0.1:9"), tmp_path, memory_bytes=memory_bytes, speed=speed) as finder:
        offers = (await finder.shelf(language)).offers
    assert [offer.card.name for offer in offers if offer.recommended] == [name]
    assert offers[0].card.name == name
    assert len(offers) > len(SHELF)  # with those that wheels carry


async def test_what_does_not_fit_comes_last_and_is_never_recommended(tmp_path: Path) -> None:
    with finding(Hub(url="http://127.0.0.1:9"), tmp_path, memory_bytes=8 * GB) as finder:
        offers = (await finder.shelf("en")).offers
    fits = [bool(offer.prediction and offer.prediction.fits) for offer in offers]
    assert fits == sorted(fits, reverse=True)
    assert not all(fits)


async def test_a_language_that_nothing_speaks_recommends_nothing(tmp_path: Path) -> None:
    with finding(Hub(url="http://127.0.0.1:9"), tmp_path) as finder:
        assert not any(offer.recommended for offer in (await finder.shelf("eo")).offers)
