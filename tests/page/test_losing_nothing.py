"""What a person sees and keeps when a tab, a connection or the server goes away in the middle."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browsing import (
    LONG,
    PATIENCE_MS,
    SHORT,
    STORY,
    answered,
    ask,
    begun,
    box,
    kept,
    questions,
    replies,
    squeezed,
    text_of,
)
from serving import Served, serving

Visiting = Callable[..., Page]


@pytest.fixture
def narrow(tmp_path: Path, smollm2: Path) -> Iterator[Served]:
    """A server that answers one at a time."""
    with serving(tmp_path, model=f"file:{smollm2}", slots=1, sampling_temperature=0) as server:
        yield server


def test_what_is_typed_is_kept_for_each_chat_over_a_reload(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(title="Drafts")
    page = visit(served)
    box(page).fill("to a new chat")
    page.get_by_role("link", name="Drafts").click()
    expect(box(page)).to_have_value("")
    box(page).fill("to an old one\nof two lines")
    page.reload()
    expect(box(page)).to_have_value("to an old one\nof two lines")
    page.get_by_role("link", name="New chat").click()
    expect(box(page)).to_have_value("to a new chat")
    assert served.get(f"/conversations/{conversation}")["messages"] == []


def test_an_answer_goes_on_over_a_reload(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults={'sampling': {'max_tokens': 250}})}")
    ask(page, STORY)
    begun(page)
    page.reload()
    begun(page)
    reply = answered(page)
    message = kept(served, page)[-1]
    assert (message["status"], message["finish_reason"]) == ("complete", "length")
    assert squeezed(reply.locator(".prose").inner_text()) == squeezed(text_of(message))


def test_two_tabs_show_one_answer(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(defaults=LONG)
    first = visit(served, f"#/c/{conversation}")
    ask(first, STORY)
    begun(first)
    second = visit(served, f"#/c/{conversation}")
    begun(second)
    second.get_by_role("button", name="Stop").click()
    said = squeezed(text_of(kept(served, second)[-1])) if answered(second) else ""
    assert squeezed(answered(first).locator(".prose").inner_text()) == said
    assert squeezed(replies(second).locator(".prose").inner_text()) == said


def test_an_answer_outlives_a_network_that_was_away(
    served: Served, visit: Visiting, context: BrowserContext
) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    context.set_offline(True)
    box(page).fill("Are you there?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status").filter(has_text="lost its network")).to_be_visible()
    expect(box(page)).to_have_value("Are you there?")
    context.set_offline(False)
    expect(page.get_by_text("Connected again")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    answered(page)
    expect(questions(page)).to_have_count(1)


def test_a_server_that_is_killed_keeps_what_was_said_and_goes_on(
    tmp_path: Path, smollm2: Path, port: int, visit: Visiting
) -> None:
    settings = {"model": f"file:{smollm2}", "port": port, "sampling_temperature": 0}
    with serving(tmp_path, **settings) as served:
        page = visit(served, f"#/c/{served.new_conversation(defaults=LONG)}")
        ask(page, STORY)
        expect(begun(page).locator(".prose")).to_contain_text("Felix", timeout=PATIENCE_MS)
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
        expect(replies(page).last).to_contain_text("The connection was lost.")
        expect(page.get_by_text("Fireside is not running")).to_be_visible()
        seen = squeezed(replies(page).last.locator(".prose").inner_text())
        box(page).fill("and a thought meanwhile")
    with serving(tmp_path, **settings) as served:
        expect(page.get_by_text("Fireside was started again.")).to_be_visible(timeout=PATIENCE_MS)
        reply = answered(page)
        expect(reply).to_contain_text("What was said is kept.")
        message = kept(served, page)[-1]
        assert message["status"] == "interrupted"
        said = squeezed(text_of(message))
        # The last moment may have been on its way to the disk.
        assert len(said) > 10
        assert said.startswith(seen) or seen.startswith(said)
        assert squeezed(reply.locator(".prose").inner_text()) == said
        expect(box(page)).to_have_value("and a thought meanwhile")
        page.get_by_role("button", name="Send").click()
        begun(page)
        page.get_by_role("button", name="Stop").click()
        answered(page, 2)
        expect(questions(page).last).to_contain_text("and a thought meanwhile")


def test_who_waits_is_told_the_place(narrow: Served, visit: Visiting) -> None:
    first, second = (narrow.new_conversation(defaults=LONG) for _ in range(2))
    page = visit(narrow, f"#/c/{first}")
    ask(page, STORY)
    begun(page)
    waiting = visit(narrow, f"#/c/{second}")
    ask(waiting, "And you?")
    expect(replies(waiting).last).to_contain_text(re.compile("Waiting: (1 reply goes first|yours is next)"))
    page.get_by_role("button", name="Stop").click()
    begun(waiting)
    waiting.get_by_role("button", name="Stop").click()
    answered(waiting)


def test_what_is_asked_meanwhile_waits_for_its_turn(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=LONG)}")
    ask(page, STORY)
    begun(page)
    box(page).fill("Shorter, please.")
    expect(page.get_by_text("Your message will wait until the reply above has ended.")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(replies(page)).to_have_count(2)
    expect(replies(page).last).to_contain_text("Waiting for the reply before this one")
    page.get_by_role("button", name="Stop").click()
    expect(replies(page).first).to_contain_text("You stopped it here.")
    begun(page)
    page.get_by_role("button", name="Stop").click()
    answered(page, 2)
