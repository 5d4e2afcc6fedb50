"""Chatting in a real browser with the real small model."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from serving import Served

Visiting = Callable[..., Page]


def ask(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name="Your message")
    box.fill(text)
    page.get_by_role("button", name="Send").click()


def test_a_question_is_answered_as_the_server_keeps_it(served: Served, visit: Visiting) -> None:
    page = visit(served)
    ask(page, "What is the capital of France?")
    reply = page.get_by_role("article").nth(1)
    expect(reply).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0, timeout=60_000)
    conversation = served.get("/conversations")["conversations"][0]["id"]
    kept = served.get(f"/conversations/{conversation}")["messages"][-1]["parts"][0]["text"]
    assert kept.strip() in reply.inner_text()
