"""Choosing who answers and how, and how the page looks and speaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from browsing import SHORT, answered, ask, box, kept, replies
from serving import Served, serving

Visiting = Callable[..., Page]
LATE = """
  const fetched = window.fetch;
  let changes = 0;
  window.fetch = async (...asked) => {
    const { method = "GET", url = "" } = asked[0];
    const answer = await fetched(...asked);
    const late_ms = method === "PATCH" ? 900 - 300 * changes++ : url.includes("/conversations") ? 500 : 0;
    await new Promise((done) => setTimeout(done, Math.max(0, late_ms)));
    return answer;
  };
"""
"""Lets what is asked of conversations arrive late, and of several changes the first one last."""


def test_a_persona_is_made_used_and_changed(served: Served, visit: Visiting) -> None:
    page = visit(served, "#/settings/personas")
    page.get_by_role("button", name="New persona").click()
    page.get_by_role("textbox", name="Name").fill("Captain")
    page.get_by_role("textbox", name="What the model is told").fill("You are an old captain.")
    page.get_by_role("textbox", name="First message").fill("Ahoy!")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Captain is saved")).to_be_visible()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Captain"))
    card.get_by_role("button", name="Use in a new chat").click()
    expect(page.get_by_role("button", name="Persona: Captain. Choose another one")).to_be_visible()
    ask(page, "Who are you?")
    answered(page, 2)
    expect(replies(page).first).to_contain_text("Ahoy!")
    reply = kept(served, page)[-1]
    assert reply["defaults"]["persona"] == "Captain"
    page.goto(f"{served.runtime.address}/#/settings/personas")
    page.get_by_role("button", name="Edit: Captain").click()
    page.get_by_role("textbox", name="What the model is told").fill("You are a young captain.")
    page.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("You are a young captain.")
    assert "young" in served.get("/personas/Captain")["description"]


def test_the_model_is_chosen_with_what_is_known_of_it(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation()}")
    page.get_by_role("button", name=re.compile("^Model: ")).click()
    dialog = page.get_by_role("dialog", name="Choose a model")
    expect(dialog).to_contain_text("default")
    expect(dialog).to_contain_text(re.compile("Licence"))
    dialog.get_by_role("button", name=re.compile("default")).click()
    expect(dialog).to_have_count(0)
    ask(page, "Hello?")
    answered(page)
    assert "SmolLM2" in kept(served, page)[-1]["defaults"]["model"]


def test_a_broken_default_model_is_said_and_another_answers(
    tmp_path: Path, smollm2: Path, visit: Visiting
) -> None:
    with serving(tmp_path, model=f"file:{tmp_path / 'gone.gguf'}") as served:
        served.post("/models/imported", {"reference": f"file:{smollm2}"})
        page = visit(served)
        expect(page.get_by_role("heading", name="gone.gguf can't be used")).to_be_visible()
        expect(page.locator("#composer")).to_contain_text("there is no file")
        page.get_by_role("button", name="Choose another model").click()
        page.get_by_role("dialog").get_by_role("button", name=re.compile("^Smollm2")).click()
        ask(page, "Hello?")
        answered(page)


def test_how_answers_are_made_arrives_in_the_reply(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    page.get_by_role("button", name="How answers are made").click()
    dialog = page.get_by_role("dialog", name="How answers are made")
    temperature = dialog.get_by_role("textbox", name="Temperature")
    temperature.fill("warm")
    expect(dialog.get_by_text("Write a number, such as 0.7.")).to_be_visible()
    temperature.fill("0.3")
    dialog.get_by_role("textbox", name="Longest answer").fill("7")
    dialog.get_by_role("textbox", name="Seed").fill("11")
    dialog.get_by_role("textbox", name="What the model is told first").fill("Be brief.")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    ask(page, "Hello?")
    answered(page)
    made = kept(served, page)[-1]["defaults"]
    wanted = {"temperature": 0.3, "max_tokens": 7, "seed": 11}
    assert {name: made["sampling"][name] for name in wanted} == wanted
    assert made["system"] == "Be brief."
    page.get_by_role("button", name="How answers are made").click()
    dialog.get_by_role("button", name="Reset Temperature").click()
    expect(dialog.get_by_role("textbox", name="Temperature")).to_have_value("")
    page.keyboard.press("Escape")
    ask(page, "And now?")
    answered(page, 2)
    assert kept(served, page)[-1]["defaults"]["sampling"]["temperature"] == 0


def test_choices_arrive_however_late_and_in_whichever_order_the_answers_come(
    served: Served, context: BrowserContext, visit: Visiting
) -> None:
    context.add_init_script(LATE)
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    page.get_by_role("button", name="How answers are made").click()
    dialog = page.get_by_role("dialog", name="How answers are made")
    wanted = {"temperature": 0.3, "max_tokens": 7, "seed": 11}
    for name, value in {"Temperature": "0.3", "Longest answer": "7", "Seed": "11"}.items():
        dialog.get_by_role("textbox", name=name).fill(value)
    page.keyboard.press("Tab")
    for name, value in {"Temperature": "0.3", "Longest answer": "7", "Seed": "11"}.items():
        expect(dialog.get_by_role("textbox", name=name)).to_have_value(value)
    page.keyboard.press("Escape")
    ask(page, "Hello?")
    answered(page)
    made = kept(served, page)[-1]["defaults"]["sampling"]
    assert {name: made[name] for name in wanted} == wanted


def test_the_page_speaks_chinese(served: Served, visit: Visiting) -> None:
    page = visit(served, "#/settings")
    page.get_by_role("combobox", name="Language").select_option(label="简体中文")
    expect(page.locator("html")).to_have_attribute("lang", re.compile("^zh"))
    expect(page.get_by_role("link", name="新对话")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="新对话")).to_be_visible()
    expect(page.get_by_role("link", name="New chat")).to_have_count(0)


def test_the_page_is_light_dark_or_as_the_system(served: Served, visit: Visiting) -> None:
    page = visit(served, "#/settings")
    light, dark = "rgb(251, 248, 243)", "rgb(23, 20, 18)"
    paper = page.locator("html")
    expect(paper).to_have_css("background-color", light)
    page.get_by_role("radio", name="Dark").check()
    expect(paper).to_have_css("background-color", dark)
    page.reload()
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    expect(paper).to_have_css("background-color", dark)
    page.get_by_role("radio", name="As the system has them").check()
    expect(paper).to_have_css("background-color", light)
    page.emulate_media(color_scheme="dark")
    expect(paper).to_have_css("background-color", dark)


def test_enter_makes_a_line_where_one_wants_that(served: Served, visit: Visiting) -> None:
    page = visit(served, "#/settings")
    page.get_by_role("radio", name="Enter makes a new line; Ctrl-Enter sends").check()
    page.goto(f"{served.runtime.address}/#/c/{served.new_conversation(defaults=SHORT)}")
    box(page).press_sequentially("one")
    box(page).press("Enter")
    box(page).press_sequentially("two")
    expect(box(page)).to_have_value("one\ntwo")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()  # the chat is open, not only its address
    box(page).press("Control+Enter")
    answered(page)
    assert kept(served, page)[0]["parts"][0]["text"] == "one\ntwo"
