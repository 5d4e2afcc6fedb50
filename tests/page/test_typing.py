"""What is typed in the page is read before it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import Page, Request, expect

from browsing import answered, ask, box, conversation_at, kept, questions, text_of
from serving import Served, processor_s, until_rested

Visiting = Callable[..., Page]


def test_a_question_is_read_while_it_is_typed_and_answered_as_ever(served: Served, visit: Visiting) -> None:
    page = visit(served)
    told: list[Request] = []
    page.on("request", lambda request: told.append(request) if request.url.endswith("/typing") else None)
    box(page).press_sequentially("Name a colour.", delay=20)
    page.get_by_role("button", name="Send").click()
    answered(page)
    assert told == [], "there was no conversation yet"
    text = "And what is it that you like about this one?"
    pid = served.engine_pid()
    before_s = processor_s(pid)
    with page.expect_response(lambda response: _tells(response.request, text)) as answer:
        box(page).press_sequentially(text, delay=40)
    assert answer.value.json() == {"reads": True}
    texts = [_text(request) for request in told]
    assert all(text.startswith(one) and (one == text or one.endswith(" ")) for one in texts)
    assert 2 <= len(texts) < 8
    until_rested(pid, before_s)
    box(page).press("Enter")
    answered(page, 2)
    branch = kept(served, page)
    assert text_of(branch[-2]) == text
    usage = branch[-1]["usage"]
    assert usage["cached_tokens"] == usage["prompt_tokens"] - 1
    assert len(told) == len(texts)


def test_a_text_that_is_not_sent_stays_in_the_composer_only(served: Served, visit: Visiting) -> None:
    page = visit(served)
    ask(page, "Name a colour.")
    answered(page)
    conversation = conversation_at(page)
    with page.expect_response(lambda response: _tells(response.request, "Zanzibar!")):
        box(page).press_sequentially("Zanzibar!", delay=20)
    with page.expect_response(lambda response: _tells(response.request, "")):
        box(page).fill("")
    expect(questions(page)).to_have_count(1)
    assert len(served.get(f"/conversations/{conversation}")["messages"]) == 2
    assert served.get("/search?query=Zanzibar")["hits"] == []


def _text(request: Request) -> str:
    text: str = json.loads(request.post_data or "{}")["text"]
    return text


def _tells(request: Request, text: str) -> bool:
    return request.url.endswith("/typing") and _text(request) == text
