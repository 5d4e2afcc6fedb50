"""One visit to the page: what a person does with it, and everything that must not happen meanwhile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page, Request, Response, expect

from serving import Served

AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ELSEWHERE = "fireside.test"
"""A name that leads the browser here and isn't this machine's own: what another device would use."""
PATIENCE_MS = 60_000
"""How long a test waits for a model's words on a busy machine."""
STORY = "Write a long story about a fox who lives by the sea."
"""What the small model talks about for hundreds of tokens."""
SHORT = {"sampling": {"max_tokens": 24}}
LONG = {"sampling": {"max_tokens": 400}}


class Visit:
    """A tab that shows the page at `address`, watched for what a page must never do."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._address = address
        self._own = urlsplit(address).netloc
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        self.unguarded: list[str] = []
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("dialog", self._opened)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)

    def open(self, fragment: str) -> Page:
        self._page.goto(f"{self._address}/{fragment}")
        return self._page

    def check(self) -> None:
        seen = (self.dialogs, self.foreign, self.errors, self.unguarded)
        assert seen == ([], [], [], []), seen

    def _asked(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme not in ("data", "blob") and asked.netloc != self._own:
            self.foreign.append(request.url)

    def _answered(self, response: Response) -> None:
        if response.request.resource_type == "document":
            policy = response.headers.get("content-security-policy", "")
            if "default-src 'self'" not in policy or "unsafe" in policy:
                self.unguarded.append(f"{response.url}: {policy}")

    def _opened(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _said(self, message: ConsoleMessage) -> None:
        # A server that is away, and a refused request, are told by the browser itself.
        if message.type == "error" and not re.search(r"Failed to load resource|net::ERR_", message.text):
            self.errors.append(message.text)


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your message")


def ask(page: Page, text: str) -> None:
    box(page).fill(text)
    page.get_by_role("button", name="Send").click()


def replies(page: Page) -> Locator:
    return page.get_by_role("article", name=re.compile("^The reply"))


def questions(page: Page) -> Locator:
    return page.get_by_role("article", name="You said")


def does(message: Locator, action: str) -> None:
    """Press one of a message's buttons; they are there once it is pointed at."""
    message.hover()
    message.get_by_role("button", name=action, exact=True).first.click()


def answered(page: Page, number: int = 1) -> Locator:
    """Wait until the last of so many replies has ended; return it."""
    expect(replies(page)).to_have_count(number, timeout=PATIENCE_MS)
    last = replies(page).last
    expect(last.get_by_role("group", name="With this message").get_by_label("Answer again")).to_be_attached(
        timeout=PATIENCE_MS
    )
    return last


def begun(page: Page) -> Locator:
    """Wait until the last reply has said its first words, and is still at it."""
    last = replies(page).last
    expect(last.locator(".prose")).to_contain_text(re.compile(r"\w+ \w+"), timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    return last


def conversation_at(page: Page) -> str:
    """Return the id of the conversation that the page shows."""
    expect(page).to_have_url(re.compile("#/c/"))
    return page.url.split("#/c/")[1].split("/")[0]


def kept(served: Served, page: Page) -> list[dict[str, Any]]:
    """Return the messages of the branch that the page shows, as the server has them."""
    tree = served.get(f"/conversations/{conversation_at(page)}")
    messages = {message["id"]: message for message in tree["messages"]}
    branch, at = [], tree["conversation"]["head_id"]
    while at is not None:
        branch.append(messages[at])
        at = messages[at].get("parent_id")
    return branch[::-1]


def text_of(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def squeezed(text: str) -> str:
    """Return text without the white space and the signs by which Markdown and its rendering differ."""
    return re.sub(r"[\s`*#>_-]|\d+\. ", "", text)


def an_export(*conversations: dict[str, Any]) -> bytes:
    """Return what Fireside would export of conversations of `{"title", "messages": [(role, text)]}`."""
    return json.dumps(
        {
            "format": "fireside",
            "version": 1,
            "conversations": [_exported(at, one) for at, one in enumerate(conversations)],
        }
    ).encode()


def _exported(number: int, given: dict[str, Any]) -> dict[str, Any]:
    begun_ms = 1_700_000_000_000 + number * 1_000_000
    messages = [
        {
            "id": f"{given['title']}-{at}",
            "parent_id": f"{given['title']}-{at - 1}" if at else None,
            "role": role,
            "parts": parts if isinstance(parts, list) else [{"type": "text", "text": parts}],
            "created_at": begun_ms + at,
        }
        for at, (role, parts) in enumerate(given["messages"])
    ]
    times = {"created_at": begun_ms, "updated_at": begun_ms + len(messages)}
    return {
        "id": given["title"],
        "title": given["title"],
        "messages": messages,
        "head_id": messages[-1]["id"],
        **times,
    }


def faults(page: Page) -> list[str]:
    """Return what axe-core finds, a line for each element."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: Any = page.evaluate(
        "rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", RULES
    )
    return [
        f"{fault['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
