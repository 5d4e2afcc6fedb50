"""Finding chats again, and bringing them in and taking them out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browsing import SHORT, an_export, ask, questions, replies
from serving import Served

Visiting = Callable[..., Page]


def listed(page: Page, title: str) -> Locator:
    return page.get_by_role("navigation", name="Chats").get_by_role("link", name=title)


def choose(page: Page, title: str, action: str) -> None:
    """Open a chat's menu in the list and choose from it."""
    item = page.get_by_role("navigation", name="Chats").get_by_role("listitem").filter(has_text=title)
    item.hover()
    item.get_by_role("button", name=f"Actions for “{title}”").click()
    page.get_by_role("menuitem", name=action).click()


def bring(page: Page, name: str, data: bytes) -> None:
    page.get_by_role("button", name="Import and export").click()
    kind = "application/json"
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": kind, "buffer": data}
    )


def test_a_search_leads_to_the_message_and_marks_the_words(served: Served, visit: Visiting) -> None:
    talk = [("user" if at % 2 else "assistant", f"Line {at} about nothing.") for at in range(120)]
    talk[30] = ("assistant", "The lighthouse keeper owned a velvet umbrella.")
    page = visit(served)
    bring(page, "long.json", an_export({"title": "A long talk", "messages": talk}))
    expect(page.get_by_text("long.json was imported").first).to_be_visible()
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox", name="Search all messages").fill("velvet umbrella")
    hit = page.get_by_role("main").get_by_role("link").filter(has_text="A long talk")
    expect(hit.locator("mark")).to_have_text(["velvet", "umbrella"])
    expect(page.get_by_text("1 message found")).to_be_visible()
    hit.click()
    found = page.get_by_role("article").filter(has_text="velvet umbrella")
    expect(found).to_be_in_viewport()
    expect(found).to_be_focused()
    expect(found).to_have_class(re.compile("found"))
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("velvet umbrella")
    page.get_by_role("searchbox").fill("zzyzx")
    expect(page.get_by_text("Nothing that was said matches “zzyzx”.")).to_be_visible()


def test_chats_are_renamed_and_pinned(served: Served, visit: Visiting) -> None:
    conversation = served.new_conversation(title="Before")
    served.new_conversation(title="Newer")
    page = visit(served)
    choose(page, "Before", "Rename")
    field = page.get_by_role("textbox", name="Name of the chat")
    field.fill("After")
    field.press("Enter")
    expect(listed(page, "After")).to_be_visible()
    choose(page, "After", "Pin")
    pinned = page.get_by_role("region", name="Pinned")
    expect(pinned.get_by_role("link", name="After")).to_be_visible()
    kept = served.get(f"/conversations/{conversation}")["conversation"]
    assert (kept["title"], kept["pinned"]) == ("After", True)
    choose(page, "After", "Unpin")
    expect(page.get_by_role("region", name="Pinned")).to_have_count(0)


def test_what_is_thrown_away_comes_back_until_it_is_deleted_for_good(served: Served, visit: Visiting) -> None:
    one, other = served.new_conversation(title="Keep me"), served.new_conversation(title="Lose me")
    page = visit(served, f"#/c/{one}")
    choose(page, "Keep me", "Move to the trash")
    expect(listed(page, "Keep me")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(listed(page, "Keep me")).to_be_visible()
    choose(page, "Keep me", "Move to the trash")
    choose(page, "Lose me", "Move to the trash")
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("button", name="Restore: Keep me").click()
    expect(listed(page, "Keep me")).to_be_visible()
    page.get_by_role("button", name="Delete for good: Lose me").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The trash is empty.")).to_be_visible()
    assert served.http.get(f"/fireside/v1/conversations/{other}").status_code == 404
    assert served.get(f"/conversations/{one}")["conversation"]["deleted_at"] is None


def test_chats_leave_as_files_and_come_back(served: Served, visit: Visiting, tmp_path: Path) -> None:
    conversation = served.new_conversation(title="Travelling", defaults=SHORT)
    served.ask(conversation, "Where to?")
    page = visit(served)
    with page.expect_download() as download:
        choose(page, "Travelling", "Export as Markdown")
    written = Path(download.value.path()).read_text(encoding="utf-8")
    assert "Where to?" in written
    assert download.value.suggested_filename.endswith(".md")
    page.get_by_role("button", name="Import and export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export all chats").click()
    everything = Path(download.value.path()).read_bytes()
    assert "Travelling" in [one["title"] for one in json.loads(everything)["conversations"]]
    page.keyboard.press("Escape")
    served.http.delete(f"/fireside/v1/conversations/{conversation}", headers=served.owner)
    served.http.delete(f"/fireside/v1/conversations/{conversation}?forever=true", headers=served.owner)
    bring(page, "all.json", everything)
    expect(listed(page, "Travelling")).to_be_visible()
    under_way = page.get_by_role("region", name="Under way")
    expect(under_way.get_by_role("listitem").filter(has_text="1 chat")).to_be_visible()
    bring(page, "again.json", everything)
    expect(under_way.get_by_text("Nothing new").first).to_be_visible()


def test_chats_come_from_chatgpt(served: Served, visit: Visiting) -> None:
    def node(parent: str | None, role: str, text: str, *children: str) -> dict[str, object]:
        content = {"content_type": "text", "parts": [text]}
        message = {"author": {"role": role}, "content": content, "create_time": 1_700_000_001.5}
        return {"parent": parent, "children": children, "message": message}

    chat = {
        "title": "Tea from elsewhere",
        "create_time": 1_700_000_000.0,
        "update_time": 1_700_000_009.0,
        "conversation_id": "c1",
        "current_node": "a2",
        "mapping": {
            "q": node(None, "user", "How long does green tea steep?", "a1", "a2"),
            "a1": node("q", "assistant", "Two minutes."),
            "a2": node("q", "assistant", "**Three** minutes."),
        },
    }
    page = visit(served)
    bring(page, "conversations.json", json.dumps([chat]).encode())
    listed(page, "Tea from elsewhere").click()
    expect(questions(page)).to_contain_text(["How long does green tea steep?"])
    expect(replies(page).locator("strong")).to_have_text(["Three"])
    expect(page.get_by_role("group", name="Version 2 of 2")).to_be_attached()


def test_a_file_that_holds_no_chats_is_told(served: Served, visit: Visiting) -> None:
    page = visit(served)
    before = served.get("/status")["conversations"]
    bring(page, "notes.json", b'{"not": "chats"}')
    expect(
        page.get_by_role("status").filter(has_text="the file holds no conversations").first
    ).to_be_visible()
    assert served.get("/status")["conversations"] == before


def test_an_export_is_dropped_on_the_list(served: Served, visit: Visiting) -> None:
    page = visit(served)
    data = an_export({"title": "Dropped here", "messages": [("user", "Hello"), ("assistant", "Hi")]})
    transfer = page.evaluate_handle(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "dropped.json", { type: "application/json" }));
            return data;
        }""",
        data.decode(),
    )
    page.dispatch_event("#chats nav", "dragenter", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop an export here to import its chats")).to_be_visible()
    page.dispatch_event("#chats nav", "drop", {"dataTransfer": transfer})
    expect(listed(page, "Dropped here")).to_be_visible()


@pytest.mark.parametrize("words", ["Import chats", "lighthous"])
def test_the_palette_finds_commands_and_chats(served: Served, visit: Visiting, words: str) -> None:
    served.new_conversation(title="The lighthouse")
    page = visit(served)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Find a chat or a command").fill(words)
    page.keyboard.press("Enter")
    if words == "Import chats":
        expect(page.get_by_role("dialog", name="Import and export")).to_be_visible()
    else:
        expect(page.get_by_role("heading", name="The lighthouse")).to_be_visible()
        ask(page, "So?")
        expect(questions(page)).to_have_count(1)
