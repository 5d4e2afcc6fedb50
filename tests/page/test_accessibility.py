"""What axe-core finds in every view and dialog, light and dark, on a phone and at a desk: nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from browsing import AXE, ELSEWHERE, an_export, faults, replies
from serving import Served, serving

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

EVERYTHING = """# A heading

Some **bold** words, `code`, a [link](https://example.org) and $e^{i\\pi}=-1$.

```python
def double(x: int) -> int:
    return x * 2  # twice
```

| a | b |
|---|---|
| 1 | 2 |

- one
    - two
1. three

> quoted

$$\\int_0^1 x^2 dx$$

<details><summary>More</summary>hidden words</details>
"""


PRESSES = 5


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """A server that another device reaches, too."""
    with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}", allowed_hosts=ELSEWHERE) as server:
        yield server


@pytest.fixture(scope="module")
def chat(served: Served) -> str:
    """A conversation with everything that a message may hold; its last reply was cut."""
    asked = [{"type": "file", "name": "notes.txt", "text": "A note."}, {"type": "text", "text": "Show me"}]
    said = [{"type": "reasoning", "text": "Let me think."}, {"type": "text", "text": EVERYTHING}]
    messages = [("system", "Be brief."), ("user", asked), ("assistant", said)]
    served.http.post("/fireside/v1/import", content=an_export({"title": "Everything", "messages": messages}))
    (conversation,) = served.get("/conversations")["conversations"]
    served.ask(conversation["id"], "Go on", sampling={"max_tokens": 5})
    served.new_conversation(title="مرحبا")
    thrown = served.new_conversation(title="Thrown away")
    served.http.delete(f"/fireside/v1/conversations/{thrown}", headers=served.owner)
    identity: str = conversation["id"]
    return identity


@pytest.fixture(params=["light desk", "dark desk", "light phone", "dark phone"])
def look(request: pytest.FixtureRequest, browser: Browser, served: Served) -> Iterator[Page]:
    """A page in one of the looks that people have."""
    if not AXE.is_file():
        pytest.skip("axe-core isn't here: `npm --prefix web ci` brings what the page is tested with")
    theme, device = request.param.split()
    context = browser.new_context(
        locale="en-GB",
        reduced_motion="reduce",
        color_scheme=theme,
        viewport=DESK if device == "desk" else PHONE,
        has_touch=device == "phone",
        is_mobile=device == "phone",
    )
    yield context.new_page()
    context.close()


def test_every_view_is_accessible(look: Page, served: Served, chat: str) -> None:
    views: dict[str, Callable[[], None]] = {
        "#/": lambda: expect(look.get_by_role("heading", name="What is on your mind?")).to_be_visible(),
        f"#/c/{chat}": lambda: expect(look.locator("math").first).to_be_attached(),
        "#/search": lambda: look.get_by_role("searchbox").fill("link"),
        "#/trash": lambda: expect(look.get_by_text("Thrown away")).to_be_visible(),
        "#/temporary": lambda: expect(look.get_by_text("This chat is temporary").first).to_be_visible(),
        **{
            f"#/settings/{section}": lambda section=section: expect(  # type: ignore[misc]
                look.get_by_role("heading", level=1, name=section, exact=False)
            ).to_be_visible()
            for section in ("general", "models", "personas", "answers", "devices", "about")
        },
    }
    found = {}
    for view, seen in views.items():
        look.goto(f"{served.runtime.address}/{view}")
        seen()
        look.wait_for_load_state("networkidle")
        if view == "#/search":
            expect(look.locator("mark").first).to_be_visible()
        found[view] = faults(look)
    assert {view: lines for view, lines in found.items() if lines} == {}


def open_by(keys: str, look: Page) -> None:
    """Press until a dialog opens: a key that comes while the one before it still closes is not heard."""
    dialog = look.get_by_role("dialog")
    for _ in range(PRESSES):
        look.keyboard.press(keys)
        with contextlib.suppress(AssertionError):
            expect(dialog).to_be_visible(timeout=3_000)
            return
    expect(dialog).to_be_visible()


def test_every_dialog_is_accessible(look: Page, served: Served, chat: str) -> None:
    look.goto(f"{served.runtime.address}/#/c/{chat}")
    expect(replies(look)).to_have_count(2)
    found = {}
    for name in ("Choose a model", "Choose a persona", "How answers are made"):
        opener = {"Choose a model": "Model:", "Choose a persona": "No persona"}.get(name, name)
        look.get_by_role("button", name=opener).first.click()
        expect(look.get_by_role("dialog", name=name)).to_be_visible()
        look.wait_for_load_state("networkidle")
        found[name] = faults(look)
        look.keyboard.press("Escape")
        expect(look.get_by_role("dialog")).to_have_count(0)
    for keys in ("Control+k", "Control+/"):
        open_by(keys, look)
        found[keys] = faults(look)
        look.keyboard.press("Escape")
        expect(look.get_by_role("dialog")).to_have_count(0)
    assert {dialog: lines for dialog, lines in found.items() if lines} == {}


def test_what_opens_over_a_chat_is_accessible(look: Page, served: Served, chat: str) -> None:
    look.goto(f"{served.runtime.address}/#/c/{chat}")
    expect(replies(look)).to_have_count(2)
    found = {}
    replies(look).last.get_by_role("button", name="Details of this reply").click()
    expect(look.get_by_role("region", name="What the model saw")).to_be_visible()
    for summary in look.locator("article summary").all():
        summary.click()
    replies(look).last.get_by_role("button", name="Edit").click()
    expect(look.get_by_role("textbox", name="Your changes")).to_be_visible()
    found["a message"] = faults(look)
    look.get_by_role("button", name="Cancel").click()
    look.get_by_role("banner").get_by_role("button", name="Actions for").click()
    expect(look.get_by_role("menu")).to_be_visible()
    found["a menu"] = faults(look)
    look.keyboard.press("Escape")
    look.get_by_role("button", name="Show or hide the chats").click()
    found["the chats"] = faults(look)
    assert {what: lines for what, lines in found.items() if lines} == {}


def test_signing_in_is_accessible(look: Page, served: Served) -> None:
    look.goto(served.runtime.address.replace("127.0.0.1", ELSEWHERE))
    look.get_by_role("textbox", name="Key").fill("fs-wrong")
    look.get_by_role("button", name="Sign in").click()
    expect(look.get_by_role("alert")).not_to_be_empty()
    assert faults(look) == []
