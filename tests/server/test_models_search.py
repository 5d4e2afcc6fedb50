"""The routes that offer models: who may ask, what they answer, and what they say when the hub is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hub_search_server import ALL, Hub, hub_server
from visiting import Place, bearer

SEARCH, SHELF = "/fireside/v1/models/search", "/fireside/v1/models/shelf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server(Hub(ALL)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


async def test_a_search_answers_with_offers(hub: Hub, place: Place) -> None:
    answer = await place.here.get(SEARCH, params={"query": "german instruct", "limit": 2})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert len(told["offers"]) == 2
    assert (told["wanted"]["languages"], told["wanted"]["tuned_for"]) == (["de"], "instruct")
    first = told["offers"][0]
    assert first["card"]["reference"] == "hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M"
    assert first["prediction"]["memory_bytes"] > first["card"]["size_bytes"] == 1_900_000_000


async def test_only_those_who_may_fetch_models_make_us_ask_another_host(hub: Hub, place: Place) -> None:
    chatting, fetching = await place.key("chatting", "chat"), await place.key("fetching", "models")
    refused = await place.here.get(SEARCH, params={"query": "klein"}, headers=bearer(chatting))
    assert refused.status_code == 403
    assert hub.asked == []
    assert (await place.here.get(SHELF, headers=bearer(chatting))).status_code == 200
    assert (
        await place.here.get(SEARCH, params={"query": "klein"}, headers=bearer(fetching))
    ).status_code == 200


@pytest.mark.parametrize(
    "query", [{}, {"query": ""}, {"query": "x" * 201}, {"query": "x", "limit": 17}, {"query": "x", "page": 2}]
)
async def test_what_is_no_search_is_refused(hub: Hub, place: Place, query: dict[str, str | int]) -> None:
    answer = await place.here.get(SEARCH, params=query)
    assert answer.status_code == 400
    assert hub.asked == []


async def test_without_the_hub_the_shelf_is_there(
    open_place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    place = open_place()
    failed = await place.here.get(SEARCH, params={"query": "klein"})
    assert failed.status_code == 502
    assert failed.json()["error"]["code"] == "search_failed"
    assert failed.json()["error"]["hint"]
    shelf = (await place.here.get(SHELF, params={"language": "de"})).json()
    assert len(shelf["offers"]) > 12
    assert all("de" in offer["card"]["languages"] for offer in shelf["offers"] if offer["recommended"])


async def test_a_language_is_named_by_its_tag(place: Place) -> None:
    assert (await place.here.get(SHELF, params={"language": "../x"})).status_code == 400
