"""Chatting in a real browser with the real small model."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from browsing import (
    LONG,
    PATIENCE_MS,
    SHORT,
    STORY,
    answered,
    ask,
    begun,
    box,
    conversation_at,
    does,
    kept,
    questions,
    replies,
    squeezed,
    text_of,
)
from serving import Served

Visiting = Callable[..., Page]
FRUITS = "Name five fruits as a list."


def test_an_answer_grows_as_markdown_and_is_what_the_server_keeps(served: Served, visit: Visiting) -> None:
    page = visit(served)
    ask(page, FRUITS)
    expect(replies(page).last.get_by_role("listitem").first).to_be_visible(timeout=PATIENCE_MS)
    reply = answered(page)
    said = text_of(kept(served, page)[-1])
    assert len(said) > 20
    assert squeezed(reply.locator(".prose").inner_text()) == squeezed(said)
    expect(reply.get_by_role("listitem")).to_have_count(len(re.findall(r"^\d+\. ", said, re.M)))
    expect(page).to_have_title(re.compile("fruits"))
    assert text_of(kept(served, page)[0]) == FRUITS


def test_code_is_highlighted_and_copied(served: Served, visit: Visiting, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit(served)
    ask(page, "Write a Python function that adds two numbers.")
    reply = answered(page)
    code = reply.get_by_role("region", name="Code in Python").first
    expect(code.locator(".hljs-keyword").first).to_have_text("def")
    reply.get_by_role("button", name="Copy code").first.click()
    expect(page.get_by_role("status").get_by_text("Copied")).to_be_visible()
    said = text_of(kept(served, page)[-1])
    assert page.evaluate("navigator.clipboard.readText()").strip() in said
    does(reply, "Copy")
    page.wait_for_function(
        "said => navigator.clipboard.readText().then((copied) => copied === said)", arg=said
    )


def test_a_stopped_answer_stays_as_far_as_it_got_and_goes_on(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=LONG)}")
    ask(page, STORY)
    begun(page)
    page.get_by_role("button", name="Stop").click()
    reply = answered(page)
    expect(reply).to_contain_text("You stopped it here.")
    stopped = kept(served, page)[-1]
    assert stopped["status"] == "stopped"
    assert squeezed(text_of(stopped)) in squeezed(reply.inner_text())
    reply.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    answered(page)
    assert text_of(kept(served, page)[-1]).startswith(text_of(stopped))


def test_a_cut_answer_goes_on_where_it_was_cut(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    ask(page, STORY)
    reply = answered(page)
    expect(reply).to_contain_text("Cut off")
    before = text_of(kept(served, page)[-1])
    reply.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    expect(answered(page)).to_contain_text("Cut off")
    after = text_of(kept(served, page)[-1])
    assert after.startswith(before)
    assert len(after) > len(before)


def test_versions_of_an_answer_lie_beside_each_other(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    ask(page, FRUITS)
    first = answered(page).get_attribute("id")
    does(replies(page).last, "Answer again")
    expect(page.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    second = answered(page).get_attribute("id")
    assert first != second
    does(replies(page).last, "Version before")
    expect(page.get_by_role("group", name="Version 1 of 2")).to_be_visible()
    expect(replies(page).last).to_have_attribute("id", first or "")
    page.reload()
    expect(page.get_by_role("group", name="Version 1 of 2")).to_be_visible()
    does(replies(page).last, "Next version")
    expect(replies(page).last).to_have_attribute("id", second or "")


def test_a_question_asked_anew_and_an_answer_put_right_keep_the_old_ones(
    served: Served, visit: Visiting
) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    ask(page, FRUITS)
    old = answered(page).locator(".prose").inner_text()
    does(questions(page).first, "Edit")
    page.get_by_role("textbox", name="Your changes").fill("Name three animals as a list.")
    page.get_by_role("button", name="Ask anew").click()
    expect(questions(page)).to_have_text([re.compile("Name three animals")])
    does(answered(page), "Edit")
    page.get_by_role("textbox", name="Your changes").fill("The cat, the **dog** and the fox.")
    page.get_by_role("button", name="Save").click()
    expect(replies(page).locator("strong")).to_have_text(["dog"])
    assert [text_of(message) for message in kept(served, page)] == [
        "Name three animals as a list.",
        "The cat, the **dog** and the fox.",
    ]
    does(questions(page).first, "Version before")
    expect(questions(page)).to_have_text([re.compile(FRUITS)])
    expect(replies(page).last.locator(".prose")).to_have_text(old, use_inner_text=True)


def test_what_was_deleted_comes_back_with_all_that_followed(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(defaults=SHORT)
    for question in ("One?", "Two?"):
        served.ask(conversation, question)
    page = visit(served, f"#/c/{conversation}")
    before = [message["id"] for message in kept(served, page)]
    expect(questions(page)).to_have_count(2)
    does(questions(page).last, "Delete, with everything after it")
    expect(page.get_by_role("article")).to_have_count(2)
    assert len(kept(served, page)) == 2
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("article")).to_have_count(4)
    assert [message["id"] for message in kept(served, page)] == before


def test_a_pinned_message_says_so(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(defaults=SHORT)
    served.ask(conversation, "My name is Ada.")
    page = visit(served, f"#/c/{conversation}")
    does(questions(page).first, "Pin")
    expect(questions(page).first).to_contain_text("Pinned: always given to the model")
    assert kept(served, page)[0]["pinned"] is True
    page.reload()
    does(questions(page).first, "Unpin")
    expect(questions(page).first).not_to_contain_text("Pinned")
    assert kept(served, page)[0]["pinned"] is False


def test_behind_an_answer_is_what_the_model_saw(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(defaults=SHORT)
    record = served.ask(conversation, "My name is Ada.")
    page = visit(served, f"#/c/{conversation}")
    does(replies(page).last, "Details of this reply")
    card = page.get_by_role("region", name="What the model saw")
    expect(card).to_contain_text("1 message, word for word")
    expect(card).to_contain_text("Nothing was left out.")
    expect(card).to_contain_text("here on this machine")
    expect(card).to_contain_text(f"{record['usage']['completion_tokens']} token")
    card.get_by_text("1 message, word for word").click()
    expect(card.get_by_role("link", name="My name is Ada.")).to_be_visible()


def test_a_temporary_chat_leaves_nothing(served: Served, visit: Visiting) -> None:
    before = served.get("/status")["conversations"]
    page = visit(served, "#/temporary")
    ask(page, "A word that nobody keeps: xylophoniste")
    answered(page)
    conversation = conversation_at(page)
    box(page).fill("and a draft: xylophoniste")
    assert conversation not in [one["id"] for one in served.get("/conversations")["conversations"]]
    assert served.get("/search?query=xylophoniste")["hits"] == []
    assert "xylophoniste" not in page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    page.get_by_role("button", name=re.compile("^Actions for")).last.click()
    page.get_by_role("menuitem", name="End this temporary chat").click()
    expect(page.get_by_text("The temporary chat is gone")).to_be_visible()
    assert served.http.get(f"/fireside/v1/conversations/{conversation}").status_code == 404
    assert served.get("/status")["conversations"] == before


def test_text_files_go_with_a_question(served: Served, visit: Visiting) -> None:
    page = visit(served, f"#/c/{served.new_conversation(defaults=SHORT)}")
    notes: FilePayload = {
        "name": "notes.txt",
        "mimeType": "text/plain",
        "buffer": b"The key is under the mat.",
    }
    picture: FilePayload = {"name": "photo.webp", "mimeType": "image/webp", "buffer": b"RIFF\0\0\0\0WEBPVP8 "}
    page.locator("#composer input[type=file]").set_input_files([notes, picture])
    expect(page.get_by_text("photo.webp was not attached")).to_be_visible()
    ask(page, "Where is the key?")
    answered(page)
    expect(questions(page).first).to_contain_text("notes.txt")
    assert [part["type"] for part in kept(served, page)[0]["parts"]] == ["file", "text"]
    assert kept(served, page)[0]["parts"][0]["text"] == "The key is under the mat."
