"""Memories across conversations, how warm a conversation is, and letting another device in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from browsing import PATIENCE_MS, SHORT, answered, ask, does, questions
from serving import Served, serving

Visiting = Callable[[Served, str], Page]


def remembered(served: Served) -> list[str]:
    return [memory["text"] for memory in served.get("/memories")["memories"]]


def behind(page: Page) -> Locator:
    return page.get_by_role("region", name="What the model saw")


def test_what_is_remembered_is_given_shown_and_forgotten(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    ask(page, "My sister Ana plays the cello.")
    answered(page)
    does(questions(page).first, "Remember this")
    remember = page.get_by_role("dialog", name="Remember this")
    expect(remember.get_by_role("textbox")).to_have_value("My sister Ana plays the cello.")
    remember.get_by_role("textbox").fill("My sister Ana plays the violin.")
    remember.get_by_role("button", name="Remember", exact=True).click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("Nothing below is given to any model now.")).to_be_visible()
    page.get_by_role("switch", name="Give memories to the model").check()
    expect(page.get_by_text("They are on.")).to_be_visible()
    page.get_by_role("button", name="Edit: My sister Ana plays the violin.").click()
    page.get_by_role("textbox", name="Memory", exact=True).fill("My sister Ana plays the flute.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Forget: My sister Ana plays the flute.")).to_be_visible()
    assert remembered(served) == ["My sister Ana plays the flute."]

    page.goto(f"{served.runtime.address}/#/c/{served.new_conversation(defaults=SHORT)}")
    ask(page, "Which instrument does my sister Ana play?")
    does(answered(page), "Details of this reply")
    page.get_by_text("1 memory was given").click()
    expect(behind(page).get_by_text("My sister Ana plays the flute.")).to_be_visible()
    there = page.url

    page.goto(f"{served.runtime.address}/#/settings/memories")
    page.get_by_role("button", name="Forget: My sister Ana plays the flute.").click()
    expect(page.get_by_text("Forgotten, in every chat")).to_be_visible()
    assert remembered(served) == []
    page.goto(there)
    does(answered(page), "Details of this reply")
    page.get_by_text("1 memory was given").click()
    expect(behind(page).get_by_text("since forgotten")).to_be_visible()
    page.goto(f"{served.runtime.address}/#/settings/memories")
    page.get_by_role("textbox", name="Something to remember").fill("I like tea.")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Forget: I like tea.").click()
    expect(page.get_by_role("button", name="Forget: I like tea.")).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    expect(page.get_by_role("button", name="Forget: I like tea.")).to_be_visible()


def test_a_link_to_where_one_is_leads_there_again(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(defaults=SHORT)
    served.ask(conversation, "A long list:\n" + "one more\n" * 200)
    page = visit(served, f"#/c/{conversation}")
    does(answered(page), "Details of this reply")
    page.get_by_text("1 message, word for word").click()
    link = behind(page).get_by_role("link", name=re.compile("^A long list"))
    for _ in range(2):
        link.click()
        expect(questions(page).first).to_be_focused()
        page.get_by_role("button", name="To the newest message").click()
        expect(link).to_be_in_viewport()


def test_how_warm_a_chat_is_is_told_after_its_answer_and_after_a_restart(
    tmp_path: Path, smollm2: Path, visit: Visiting
) -> None:
    settings = {"model": f"file:{smollm2}", "sampling_temperature": 0}
    with serving(tmp_path, **settings) as served:
        page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
        ask(page, "Why is the sky blue?")
        answered(page)
        expect(page.locator("header").get_by_text(re.compile("^Warm: "))).to_be_visible(timeout=PATIENCE_MS)
        fragment = page.url.split("/")[-2:]
        page.close()
    with serving(tmp_path, **settings) as served:
        page = visit(served, "#/" + "/".join(fragment))
        expect(page.locator("header").get_by_text(re.compile("^Saved: "))).to_be_visible(timeout=PATIENCE_MS)


def test_another_device_is_let_in_by_a_code(tmp_path: Path, smollm2: Path, browser: Browser) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as alone:
        keys = {
            name: alone.post("/keys", {"name": name, "scopes": scopes})["secret"]
            for name, scopes in (("lan", ["chat"]), ("mine", ["chat", "admin"]))
        }
    with serving(tmp_path, model=f"file:{smollm2}", host="127.0.0.2") as served:
        contexts = [browser.new_context(locale="en-GB") for _ in range(3)]
        mine, guest, phone = (context.new_page() for context in contexts)
        for page, key in ((mine, keys["mine"]), (guest, keys["lan"])):
            page.goto(served.runtime.open_at[0] + "/#/settings/devices")
            page.get_by_role("textbox", name="Key").fill(key)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("button", name="Pair a phone").click()
        expect(guest.get_by_text("fireside keys pair")).to_be_visible()
        expect(mine.get_by_role("img", name="A QR code of the link below")).to_be_visible()
        link = mine.get_by_role("textbox", name="The link to open on the other device").input_value()
        phone.goto(link)
        expect(phone.get_by_role("textbox", name="Your message")).to_be_visible()
        assert "pair" not in phone.url
        expect(mine.get_by_text("is signed in")).to_be_visible(timeout=PATIENCE_MS)
        expect(mine.get_by_role("img", name="A QR code of the link below")).to_have_count(0)
        for context in contexts:
            context.close()
