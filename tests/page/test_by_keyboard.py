"""Everything without a mouse, and what a screen reader hears meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browsing import LONG, SHORT, STORY, answered, begun, box, kept, questions, replies, text_of
from serving import Served

Visiting = Callable[..., Page]

HEAR = """
() => {
    const region = document.querySelector(".thread > [aria-live]");
    window.heard = [];
    new MutationObserver(() => {
        const said = region.textContent.trim();
        if (said && said !== window.heard.at(-1)) window.heard.push(said);
    }).observe(region, { childList: true, characterData: true, subtree: true });
}
"""


def focused(page: Page) -> str:
    """Return the name of what the next key goes to."""
    name: str = page.evaluate(
        """() => {
            const at = document.activeElement;
            return at.getAttribute("aria-label") ?? at.innerText ?? at.tagName;
        }"""
    )
    return name.strip()


def tab_to(page: Page, name: str, key: str = "Tab", most: int = 60) -> None:
    """Press Tab until the named control has the focus; it must be reached, and be seen."""
    passed = []
    for _ in range(most):
        page.keyboard.press(key)
        passed.append(focused(page))
        if passed[-1] == name:
            expect(page.locator(":focus")).to_be_in_viewport()
            return
    raise AssertionError(f"{name!r} isn't reached by {key}: {passed}")


def test_a_whole_turn_without_a_mouse(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    expect(box(page)).to_be_focused()
    page.keyboard.type("What do")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("foxes eat?")
    page.keyboard.press("Enter")
    answered(page)
    assert text_of(kept(served, page)[0]) == "What do\nfoxes eat?"
    expect(box(page)).to_be_focused()
    tab_to(page, "Answer again", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    answered(page)
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.press("Control+Shift+E")
    expect(page.get_by_role("textbox", name="Your changes")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("And wolves?")
    page.keyboard.press("Control+Enter")
    expect(questions(page)).to_have_text([re.compile("And wolves")])
    answered(page)


def test_an_answer_is_stopped_by_escape(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=LONG)}")
    expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    page.keyboard.type(STORY)
    page.keyboard.press("Enter")
    begun(page)
    page.keyboard.press("Escape")
    expect(answered(page)).to_contain_text("You stopped it here.")


def test_a_screen_reader_hears_whole_sentences_once(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults={'sampling': {'max_tokens': 80}})}")
    expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    page.evaluate(HEAR)
    page.keyboard.type(STORY)
    page.keyboard.press("Enter")
    answered(page)
    page.wait_for_function("heard.at(-1).includes('The reply is finished.')")
    heard = page.evaluate("heard")
    assert heard[0] == "Sent. Waiting for the reply."
    sentences = heard[1:-1]
    assert sentences
    assert [one for one in sentences if not re.search(r"[.!?:…”\"']$", one)] == []
    said = re.sub(r"\s+", "", text_of(kept(served, page)[-1]))
    spoken = re.sub(r"\s+", "", "".join(heard[1:]).replace("The reply is finished.", ""))
    assert spoken == said


def test_the_first_tab_leads_past_the_chats(served: Served, visit: Visiting) -> None:
    page = visit(served, "#/trash")
    expect(page.get_by_role("heading", name="Trash")).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    tab_to(page, "To the conversation", most=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize(
    ("keys", "dialog"),
    [("Control+k", "Commands and chats"), ("Control+/", "Keyboard shortcuts")],
)
def test_a_dialog_keeps_the_focus_and_gives_it_back(
    served: Served, visit: Visiting, keys: str, dialog: str
) -> None:
    page = visit(served)
    expect(box(page)).to_be_focused()
    page.keyboard.press(keys)
    shown = page.get_by_role("dialog", name=dialog)
    expect(shown).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Tab")
        # After the last control a browser's own come, and the focus is in none of the page.
        assert page.evaluate("document.activeElement.matches('dialog *, dialog, body')")
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(box(page)).to_be_focused()


def test_a_menu_is_walked_by_arrows(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(title='By arrows')}")
    button = page.get_by_role("banner").get_by_role("button", name="Actions for “By arrows”")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Pin")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Move to the trash")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_shortcuts_lead_everywhere(served: Served, visit: Visiting) -> None:
    page = visit(served)
    expect(box(page)).to_be_focused()
    for keys, seen in (
        ("Control+Shift+F", page.get_by_role("searchbox", name="Search all messages")),
        ("Control+,", page.get_by_role("navigation", name="Settings")),
        ("Control+Shift+U", page.get_by_text("This chat is temporary").first),
        ("Control+Shift+O", page.get_by_role("heading", name="What is on your mind?")),
    ):
        page.keyboard.press(keys)
        expect(seen).to_be_visible()
    expect(page.get_by_role("complementary", name="Chats")).to_be_visible()
    page.keyboard.press("Control+b")
    expect(page.get_by_role("complementary", name="Chats")).to_be_hidden()
    assert replies(page).count() == 0
