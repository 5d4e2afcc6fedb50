"""Pictures in a real browser: they go with a question, are seen by a model that sees, and are shown again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from browsing import PATIENCE_MS, SHORT, answered, ask, kept, questions
from made_mmproj import mmproj
from made_pictures import RED, png
from serving import Served, serving

Visiting = Callable[..., Page]


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("seeing")
    (home / "model.gguf").symlink_to(smollm2)
    (home / "mmproj-tiny.gguf").write_bytes(mmproj())
    with serving(home, model=f"file:{home / 'model.gguf'}", context_length=1024) as server:
        yield server


def choose(page: Page) -> None:
    picture: FilePayload = {"name": "cat.png", "mimeType": "image/png", "buffer": png(RED)}
    page.locator("#composer input[type=file]").set_input_files([picture])
    expect(page.get_by_role("list", name="Attached files").get_by_text("cat.png")).to_be_visible()


def test_a_picture_goes_with_a_question_and_is_shown_again(seeing: Served, visit: Visiting) -> None:
    page = visit(seeing, f"#/c/{seeing.new_conversation(defaults=SHORT)}")
    choose(page)
    ask(page, "What is this?")
    answered(page)
    assert [part["type"] for part in kept(seeing, page)[0]["parts"]] == ["image", "text"]
    for _ in range(2):
        shown = questions(page).first.get_by_role("img", name="cat.png")
        expect(shown).to_be_visible(timeout=PATIENCE_MS)
        assert shown.evaluate("image => image.naturalWidth") == 24
        page.reload()


def test_a_model_that_sees_is_one_press_away(seeing: Served, smollm2: Path, visit: Visiting) -> None:
    blind = {"model": f"file:{smollm2}"}
    seeing.http.put("/fireside/v1/models/aliases/blind", json=blind, headers=seeing.owner).raise_for_status()
    page = visit(seeing, f"#/c/{seeing.new_conversation(defaults=SHORT | {'model': 'alias:blind'})}")
    choose(page)
    expect(page.locator("#composer")).to_contain_text("blind doesn't see pictures")
    page.get_by_role("button", name=re.compile("^Use ")).click()
    expect(page.locator("#composer")).not_to_contain_text("doesn't see pictures")
    ask(page, "What is this?")
    answered(page)
    assert [part["type"] for part in kept(seeing, page)[0]["parts"]] == ["image", "text"]


def test_a_picture_that_a_model_cant_see_stays_in_the_field(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    note = page.locator("#composer").get_by_text("doesn't see pictures")
    expect(note).to_have_count(0)
    choose(page)
    expect(note).to_contain_text("Choose a model that does")  # before anything was sent
    ask(page, "What is this?")
    expect(page.locator(".notices").get_by_text("doesn't see pictures").first).to_be_visible(
        timeout=PATIENCE_MS
    )
    expect(page.get_by_role("list", name="Attached files").get_by_text("cat.png")).to_be_visible()
    assert kept(served, page) == []
