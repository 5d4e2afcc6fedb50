"""Signing in from another device, over plain http: a browser there has no clipboard and no service worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browsing import ELSEWHERE, answered, ask, box, does, kept, replies, text_of
from serving import Served, serving

Visiting = Callable[..., Page]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """A server that is reached by another name, too, as a phone in the same network does."""
    home = tmp_path_factory.mktemp("home")
    settings = {"sampling_temperature": 0, "sampling_max_tokens": 24, "allowed_hosts": ELSEWHERE}
    with serving(home, model=f"file:{smollm2}", **settings) as server:
        # With the first key, programs of this machine need one, too.
        server.http.headers.update(server.owner)
        yield server


def signed_in(page: Page, key: str) -> None:
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_key_is_entered_once_and_its_session_ends_when_told(
    served: Served, visit: Visiting, context: BrowserContext
) -> None:
    key = served.post("/keys", {"name": "phone", "scopes": ["chat"]})["secret"]
    page = visit(served, host=ELSEWHERE)
    expect(page.get_by_role("heading", name="Sign in to Fireside")).to_be_visible()
    expect(page.get_by_role("textbox", name="Key")).to_be_focused()
    expect(page.get_by_text("This address is plain http")).to_be_visible()
    signed_in(page, "fs-wrong")
    expect(page.get_by_role("alert")).to_contain_text(re.compile("key", re.I))
    signed_in(page, key)
    expect(box(page)).to_be_visible()
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    stored = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    assert key not in stored
    assert cookie["value"] not in stored
    ask(page, "Hello?")
    reply = answered(page)
    assert kept_of(served, page)
    does(reply, "Copy")
    expect(page.get_by_text("Copied")).to_be_visible()
    page.reload()
    expect(replies(page)).to_have_count(1)
    (session,) = served.get("/sessions")["sessions"]
    served.http.delete(f"/fireside/v1/sessions/{session['id']}", headers=served.owner)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in to Fireside")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)


def kept_of(served: Served, page: Page) -> str:
    said = text_of(kept(served, page)[-1])
    expect(replies(page).last).to_contain_text(said.split("\n")[0])
    return said


def test_a_code_opens_the_page_once_and_leaves_the_address(
    served: Served, visit: Visiting, context: BrowserContext
) -> None:
    served.post("/keys", {"name": "lan", "scopes": ["chat"]})
    link = served.post("/pairings", {})["address"]
    fragment = "#" + urlsplit(link).fragment
    page = visit(served, fragment, host=ELSEWHERE)
    expect(box(page)).to_be_visible()
    expect(page).not_to_have_url(re.compile("pair"))
    assert "pair" not in page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    context.clear_cookies()
    again = visit(served, fragment, host=ELSEWHERE)
    expect(again.get_by_role("heading", name="Sign in to Fireside")).to_be_visible()
    expect(again.get_by_role("alert")).to_contain_text("used before")
    expect(again).not_to_have_url(re.compile("pair"))


def test_devices_that_signed_in_are_listed_and_ended(served: Served, visit: Visiting) -> None:
    key = served.post("/keys", {"name": "tablet", "scopes": ["chat"]})["secret"]
    page = visit(served, host=ELSEWHERE)
    signed_in(page, key)
    expect(box(page)).to_be_visible()
    page.goto(page.url.split("#")[0] + "#/settings/devices")
    expect(page.get_by_text("this one")).to_be_visible()
    page.get_by_role("button", name=re.compile("^End the session of")).click()
    expect(page.get_by_role("heading", name="Sign in to Fireside")).to_be_visible()
