"""Finding a model in the page: what is good to begin with, and what a hub offers for some words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browsing import AXE, faults
from hub_search_server import ALL, Hub, HubHandler, hub_server
from serving import Served, serving

Visiting = Callable[..., Page]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with hub_server(Hub(ALL)) as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path, hub: Hub) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}") as server:
            yield server


def finder(page: Page) -> Locator:
    return page.get_by_role("region", name="Find a model")


def search(page: Page, words: str) -> None:
    finder(page).get_by_role("searchbox", name="What are you looking for?").fill(words)
    finder(page).get_by_role("button", name="Search").click()


def offered(page: Page, name: str) -> Locator:
    heading = page.get_by_role("heading", name=name)
    return finder(page).get_by_role("listitem").filter(has=heading)


def test_a_model_is_found_and_what_it_takes_is_said_before_it_is_fetched(
    served: Served, visit: Visiting, hub: Hub
) -> None:
    page = visit(served, "#/settings/models")
    expect(finder(page)).to_contain_text("recommended for this machine")
    expect(finder(page).get_by_role("listitem")).to_have_count(3)
    assert hub.asked == []  # the shelf needs no network
    search(page, "german instruct")
    expect(finder(page).get_by_role("status")).to_have_text("3 models found")
    small = offered(page, "Klein-3B-Instruct-GGUF")
    for said in ("hf:maker/Klein-3B-Instruct-GGUF:", "conversations", "German", "Apache-2.0", "GGUF", " GB"):
        expect(small).to_contain_text(said)
    expect(small).to_contain_text("words a second")
    expect(small.get_by_role("button", name="Get Klein-3B-Instruct-GGUF (")).to_be_visible()
    large = offered(page, "Gross-70B-Instruct-GGUF")
    expect(large).to_contain_text("Llama 3.1 Community License: its policy of acceptable use applies")
    folder = offered(page, "Ordner-7B-Chat")
    expect(folder).to_contain_text("not for commercial use")
    expect(folder).to_contain_text("Its makers must let you have it")
    finder(page).get_by_role("checkbox", name="Only what runs on this machine").check()
    search(page, "german instruct 3b")
    expect(finder(page).get_by_role("status")).to_have_text("1 model found")


def test_a_hub_that_fails_is_said_and_what_was_found_stays(served: Served, visit: Visiting, hub: Hub) -> None:
    page = visit(served, "#/settings/models")
    expect(finder(page).get_by_role("listitem")).to_have_count(3)
    hub.answer = lambda handler: handler.send(b"<html>busy</html>", 503)
    try:
        search(page, "french")
        expect(finder(page).get_by_role("alert")).to_contain_text("answers 503")
        expect(finder(page).get_by_role("listitem")).to_have_count(3)
    finally:
        hub.answer = None
    search(page, "")
    expect(finder(page).get_by_role("alert")).to_have_count(0)


def test_what_a_hub_calls_its_models_does_nothing(served: Served, visit: Visiting, hub: Hub) -> None:
    page = visit(served, "#/settings/models")

    def answer(handler: HubHandler) -> None:
        files = [{"rfilename": "x-Q4_K_M.gguf"}]
        name = "maker/<img src=x onerror=alert(1)>"
        tags = ["gguf", "license:<script>alert(1)</script>", "sw"]
        handler.send_json([{"id": name, "tags": tags, "siblings": files, "downloads": 3}])

    hub.answer = answer
    try:
        search(page, "swahili")
        expect(finder(page).get_by_role("status")).to_have_text("Nothing was found. Try fewer words.")
    finally:
        hub.answer = None


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core isn't here")
def test_what_was_found_is_accessible(served: Served, visit: Visiting) -> None:
    page = visit(served, "#/settings/models")
    expect(finder(page)).to_contain_text("recommended for this machine")
    shelf = faults(page)
    search(page, "german instruct")
    expect(finder(page).get_by_role("status")).to_have_text("3 models found")
    assert (shelf, faults(page)) == ([], [])
