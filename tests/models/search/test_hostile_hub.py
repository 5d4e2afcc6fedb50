"""Answers that a hub shouldn't give: none takes long, fills the memory, or reaches anybody else."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireside.errors import SearchFailed
from fireside.finding import Finder
from fireside.models.search import hub_http
from hub_search_server import SMALL_GERMAN, Hub, HubHandler, hub_server, model, without_sizes
from models.search.conftest import finding


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_http, "LONGEST_S", 2.0)
    monkeypatch.setattr(hub_http, "SILENCE_S", 1.0)


@pytest.fixture
def elsewhere() -> Iterator[Hub]:
    with hub_server(Hub([SMALL_GERMAN])) as running:
        yield running


async def failure(finder: Finder, query: str = "klein") -> SearchFailed:
    with pytest.raises(SearchFailed) as raised:
        await finder.search(query)
    assert raised.value.hint
    return raised.value


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "500"), (503, "503"), (429, "too often"), (401, "doesn't let us"), (404, "no hub")],
)
async def test_an_error_is_told_at_once(hub: Hub, finder: Finder, status: int, words: str) -> None:
    hub.answer = lambda handler: handler.send(b"{}", status, Retry_After="100000")
    assert words in (await failure(finder)).message
    assert len(hub.asked) <= 2


@pytest.mark.parametrize(
    "body",
    [
        b"<html><title>Welcome to the hotel's network</title></html>",
        b'{"models": []}',
        b"[1, 2, 3]",
        b'[{"tags": ["gguf"]}]',
        b'[{"id": "a/b", "siblings": [{"name": "x"}]}]',
        b'[{"id": "a/b", "lastModified": "yesterday"}]',
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
    ],
)
async def test_what_is_no_list_of_models_is_said_to_be_none(hub: Hub, finder: Finder, body: bytes) -> None:
    hub.answer = lambda handler: handler.send(body)
    assert "can't be read" in (await failure(finder)).message


async def test_wrong_types_and_names_are_left_out(hub: Hub, finder: Finder) -> None:
    wrong: list[dict[str, Any]] = [
        model("../../etc/passwd", {"x.gguf": 1}),
        model("evil/\x1b]52;c;aGk=\x07", {"x.gguf": 1}),
        model("no-owner", {"x.gguf": 1}),
        {**model("maker/private", {"x.gguf": 1}), "private": True},
        without_sizes(SMALL_GERMAN) | {"downloads": "many", "likes": -3, "gguf": ["x"], "pipeline_tag": {}},
    ]
    hub.answer = lambda handler: (
        handler.send_json(wrong) if handler.path.startswith("/api/models?") else handler.send(b"{}", 404)
    )
    offers = (await finder.search("klein")).offers
    assert [offer.card.reference for offer in offers] == ["hf:maker/Klein-3B-Instruct-GGUF:Q4_K_M"]
    assert (offers[0].downloads, offers[0].likes, offers[0].card.parameters) == (None, None, None)
    assert not offers[0].card.size_bytes


async def test_escapes_in_tags_and_files_are_left_out(hub: Hub, finder: Finder) -> None:
    one = {**SMALL_GERMAN, "tags": [*SMALL_GERMAN["tags"], "license:\x1b[31mfree", "\x1b]8;;http://x\x07"]}
    one["siblings"] = [*SMALL_GERMAN["siblings"], {"rfilename": "\x1b[2J-Q4_0.gguf", "size": 5}]
    hub.models = [one]
    assert "\x1b" not in repr((await finder.search("klein")).offers)


async def test_a_list_without_end_is_cut(hub: Hub, finder: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_http, "LARGEST_BYTES", 100_000)
    hub.answer = lambda handler: handler.send(json.dumps([SMALL_GERMAN] * 1_000).encode())
    assert "too long" in (await failure(finder)).message


async def test_a_small_answer_does_not_unfold(hub: Hub, finder: Finder) -> None:
    packed = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    hub.answer = lambda handler: handler.send(packed, Content_Encoding="gzip")
    assert "packed" in (await failure(finder)).message


async def test_drops_of_an_answer_are_not_waited_for(hub: Hub, finder: Finder) -> None:
    def drip(handler: HubHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not hub.go_on.wait(0.1):
            handler.wfile.write(b" ")

    hub.answer = drip
    begun = time.monotonic()
    assert "in time" in (await failure(finder)).message
    assert time.monotonic() - begun < 30  # it would drip for a day


async def test_a_hub_that_is_silent_is_not_waited_for(hub: Hub, finder: Finder) -> None:
    hub.answer = lambda _handler: (hub.go_on.wait(), None)[1]
    assert (await failure(finder)).message


async def test_nobody_else_is_asked_for_a_further_page_or_by_a_redirect(
    hub: Hub, elsewhere: Hub, tmp_path: Path
) -> None:
    page = json.dumps([SMALL_GERMAN]).encode()
    more = f'<{elsewhere.url}/api/models?cursor=x>; rel="next"'
    moved = f"{elsewhere.url}/api/models"
    for answer in (
        lambda handler: handler.send(page, Link=more),
        lambda handler: handler.send(b"", 302, Location=moved),
    ):
        hub.answer = answer
        with finding(hub, tmp_path, HF_TOKEN="hf_mine") as finder:
            assert "another host" in (await failure(finder)).message
    assert elsewhere.asked == []


async def test_nothing_but_the_search_is_told(hub: Hub, finder: Finder) -> None:
    await finder.search("klein")
    assert {path.partition("/api/models")[1] for path, _query in hub.asked} == {"/api/models"}
    assert not any("torch" in each["user-agent"] for each in hub.headers)


async def test_one_model_whose_files_are_not_told_stays_with_what_is_known(hub: Hub, finder: Finder) -> None:
    def answer(handler: HubHandler) -> None:
        if handler.path.startswith("/api/models?"):
            handler.send_json([SMALL_GERMAN])
        else:
            handler.send(b"<html>", 500)

    hub.answer = answer
    assert [offer.card.name for offer in (await finder.search("klein")).offers] == ["Klein-3B-Instruct-GGUF"]


async def test_a_hub_that_is_not_there(tmp_path: Path) -> None:
    with finding(Hub(url="http://127.0.0.1:9"), tmp_path) as finder:
        error = await failure(finder)
    assert "127.0.0.1:9" in error.message
    assert "HF_ENDPOINT" in (error.hint or "")


async def test_an_endpoint_that_is_no_address(tmp_path: Path) -> None:
    with finding(Hub(url="nonsense"), tmp_path) as finder:
        assert "HF_ENDPOINT" in (await failure(finder)).message


async def test_offline_is_said_to_be_so(hub: Hub, tmp_path: Path) -> None:
    with finding(hub, tmp_path, HF_HUB_OFFLINE="1") as finder:
        assert "HF_HUB_OFFLINE" in (await failure(finder)).message
    assert hub.asked == []
