"""What is kept of a Claude conversation."""

from __future__ import annotations

import json
from typing import Any

from fireside.messages import FilePart, ReasoningPart, Role, TextPart
from fireside.store.import_claude import read_claude
from fireside.store.imported import ImportedConversation

ROOT = "00000000-0000-4000-8000-000000000000"


def message(name: str, sender: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {"uuid": name, "sender": sender, "text": text, "created_at": "2025-01-02T03:04:05.678901Z", **more}


def read(*messages: dict[str, Any], **more: Any) -> ImportedConversation:
    conversation = {
        "uuid": "c1",
        "name": "Trains",
        "created_at": "2025-01-02T03:04:05Z",
        "updated_at": "2025-01-02T05:04:05+02:00",
        "chat_messages": list(messages),
        **more,
    }
    return read_claude(json.dumps(conversation).encode())


def test_an_older_export_is_a_line() -> None:
    found = read(
        message("a", "human", "One?"), message("b", "assistant", "One."), message("c", "human", "Two?")
    )
    assert [(m.id, m.parent_id, m.message.role) for m in found.messages] == [
        ("a", None, Role.USER),
        ("b", "a", Role.ASSISTANT),
        ("c", "b", Role.USER),
    ]
    assert (found.origin, found.title, found.head_id) == ("claude:c1", "Trains", None)
    assert found.created_at == found.updated_at == 1_735_787_045_000
    assert found.messages[0].created_at == 1_735_787_045_679


def test_branches_are_kept_where_parents_are_named() -> None:
    found = read(
        message("a", "human", "One?", parent_message_uuid=ROOT),
        message("b", "assistant", "One.", parent_message_uuid="a"),
        message("c", "assistant", "Uno.", parent_message_uuid="a"),
        message("d", "human", "Edited?", parent_message_uuid=ROOT),
        current_leaf_message_uuid="b",
    )
    assert [(m.id, m.parent_id) for m in found.messages] == [("a", None), ("b", "a"), ("c", "a"), ("d", None)]
    assert found.head_id == "b"


def test_thoughts_attached_files_artifacts_and_pictures() -> None:
    found = read(
        message(
            "a",
            "human",
            "ignored",
            content=[{"type": "text", "text": "Read this."}],
            attachments=[
                {"file_name": "a.txt", "extracted_content": "alpha"},
                {"file_name": "", "extracted_content": "pasted"},
                {"file_name": "scan.pdf"},
            ],
            files=[{"file_name": "cat.PNG"}, {"file_name": "scan.pdf"}],
        ),
        message(
            "b",
            "assistant",
            content=[
                {"type": "thinking", "thinking": "Hm."},
                {"type": "text", "text": "Here:"},
                {"type": "tool_use", "name": "artifacts", "input": {"title": "poem.md", "content": "Roses"}},
                {"type": "tool_result", "content": [{"type": "text", "text": "OK"}]},
                {"type": "text", "text": "Done."},
            ],
        ),
    )
    assert found.messages[0].message.parts == (
        FilePart("a.txt", "alpha"),
        FilePart("pasted text", "pasted"),
        TextPart("[file: scan.pdf]"),
        TextPart("\n\nRead this."),
        TextPart("\n\n[image: cat.PNG]"),
    )
    assert found.messages[1].message.parts == (
        ReasoningPart("Hm."),
        TextPart("Here:"),
        FilePart("poem.md", "Roses"),
        TextPart("\n\nDone."),
    )


def test_two_messages_with_one_id_are_both_kept() -> None:
    found = read(message("a", "human", "One?"), message("a", "assistant", "Two."))
    assert [m.message.text for m in found.messages] == ["One?", "Two."]
    assert found.messages[1].parent_id == "a"


def test_content_as_plain_text_and_senders_that_nobody_knows() -> None:
    found = read(
        message("a", "human", content="One?"),
        message("b", "narrator", "Aside."),
        message("c", "assistant", "1"),
    )
    assert [(m.message.text, m.parent_id) for m in found.messages] == [("One?", None), ("1", "a")]
