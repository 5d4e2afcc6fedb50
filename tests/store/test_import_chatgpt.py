"""What is kept of a ChatGPT conversation."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from fireside.messages import ReasoningPart, Role, TextPart
from fireside.store.import_chatgpt import read_chatgpt
from fireside.store.imported import ImportedConversation


def node(
    parent: str | None, role: str, content: Any, children: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    message = {"author": {"role": role}, "content": content, "create_time": 1_700_000_001.5, **more}
    return {"parent": parent, "children": list(children), "message": message}


def read(mapping: dict[str, Any], **more: Any) -> ImportedConversation:
    conversation = {
        "title": "Tea",
        "create_time": 1_700_000_000.0,
        "update_time": 1_700_000_009.25,
        "conversation_id": "c1",
        "mapping": mapping,
        **more,
    }
    return read_chatgpt(json.dumps(conversation).encode())


def test_branches_hidden_nodes_times_and_the_head() -> None:
    hidden = {"is_visually_hidden_from_conversation": True}
    found = read(
        {
            "root": {"parent": None, "children": ["sys"], "message": None},
            "sys": node("root", "system", "", ("q",)),
            "q": node("sys", "user", "Why?", ("a1", "ctx")),
            "a1": node("q", "assistant", "First.", metadata={"model_slug": "gpt-4o"}),
            "ctx": node("q", "user", "secret", ("tool",), metadata=hidden),
            "tool": node("ctx", "tool", "noise", ("a2",)),
            "a2": node("tool", "assistant", "Second."),
        },
        current_node="a1",
        is_starred=True,
    )
    assert found.origin == "chatgpt:c1"
    assert (found.created_at, found.updated_at, found.pinned) == (1_700_000_000_000, 1_700_000_009_250, True)
    assert [(m.id, m.parent_id, m.message.role, m.message.text) for m in found.messages] == [
        ("q", None, Role.USER, "Why?"),
        ("a1", "q", Role.ASSISTANT, "First."),
        ("a2", "q", Role.ASSISTANT, "Second."),
    ]
    assert found.head_id == "a1"
    assert found.messages[1].model == "gpt-4o"
    assert found.messages[0].created_at == 1_700_000_001_500


def test_thoughts_calls_and_output_are_folded_with_the_answer() -> None:
    found = read(
        {
            "q": node(None, "user", "Sum?"),
            "t": node(
                "q",
                "assistant",
                {"content_type": "thoughts", "thoughts": [{"summary": "Plan", "content": "Add."}]},
            ),
            "c": node(
                "t",
                "assistant",
                {"content_type": "code", "language": "python", "text": "1+1"},
                recipient="python",
            ),
            "o": node("c", "tool", {"content_type": "execution_output", "text": "2"}),
            "r": node("o", "assistant", {"content_type": "reasoning_recap", "content": "Thought for 2s"}),
            "a": node("r", "assistant", "It is 2."),
        },
        current_node="a",
    )
    reply = found.messages[1].message
    assert [part.text for part in reply.parts if isinstance(part, ReasoningPart)] == [
        "Plan\n\nAdd.",
        "```python\n1+1\n```",
        "```\n2\n```",
        "Thought for 2s",
    ]
    assert reply.text == "It is 2."
    assert found.head_id == found.messages[1].id


def test_pictures_recordings_and_files_are_named_in_the_text() -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    spoken = {"content_type": "audio_transcription", "text": "Hello there"}
    recording = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file-9"}
    drawn = {**picture, "asset_pointer": "sediment://file-7", "metadata": {"dalle": {"prompt": "a red fox"}}}
    attachments = [{"id": "file-1", "name": "cat.png"}, {"id": "file-2", "name": "notes.pdf"}]
    found = read(
        {
            "a": node(
                None,
                "user",
                {"content_type": "multimodal_text", "parts": [picture, "Who?"]},
                metadata={"attachments": attachments},
            ),
            "b": node("a", "tool", {"content_type": "multimodal_text", "parts": [drawn]}),
            "c": node("b", "user", {"content_type": "multimodal_text", "parts": [spoken, recording]}),
        }
    )
    assert [message.message.text for message in found.messages] == [
        "[image: cat.png]\nWho?\n\n[file: notes.pdf]",
        "[image: a red fox]",
        "Hello there",
    ]
    assert all(isinstance(part, TextPart) for message in found.messages for part in message.message.parts)


def test_cycles_several_roots_and_missing_parents() -> None:
    found = read(
        {
            "a": node("c", "user", "a"),
            "b": node("a", "assistant", "b"),
            "c": node("b", "user", "c"),
            "d": node("gone", "user", "d"),
            "e": node("e", "user", "e"),
        },
        current_node="nowhere",
    )
    assert sorted(message.message.text for message in found.messages) == ["a", "b", "c", "d", "e"]
    assert found.head_id is None


def test_fields_that_are_missing_or_null() -> None:
    found = read_chatgpt(
        b'{"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}}}}}'
    )
    assert found.messages[0].message.text == "Hi"
    assert (found.title, found.created_at, found.messages[0].created_at) == ("", 0, 0)
    assert found.origin.startswith("chatgpt:sha256-")


def test_one_odd_message_costs_only_itself() -> None:
    empty = {"author": None, "content": None, "metadata": None, "create_time": None}
    huge: dict[str, Any] = {"weight": 10**400, "metadata": {"tokens": 10**400}}
    found = read(
        {
            "a": {"parent": None, "children": None, "message": empty},
            "b": {
                "parent": "a",
                "message": {**empty, "author": {"role": None}, "content": {"content_type": None}},
            },
            "c": node("b", "user", {"content_type": "text", "parts": [None, 7, [], "Hi"]}, **huge),
            "d": node("c", "assistant", {"content_type": "brand_new", "text": "Hello"}),
        }
    )
    assert [message.message.text for message in found.messages] == ["Hi", "Hello"]


def test_a_mapping_of_another_shape_is_refused_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match="mapping"):
        read_chatgpt(b'{"mapping": {"a": {"message": 7}}}')


def test_marks_of_citations_are_taken_out_and_other_marks_left() -> None:
    text = "Tea\ue200cite\ue202turn0search1\ue201 and \ue200entity\ue202x\ue201 \ue200open"
    found = read({"a": node(None, "assistant", text)})
    assert found.messages[0].message.text == "Tea and \ue200entity\ue202x\ue201 \ue200open"


def test_half_an_emoji_does_not_cost_the_conversation() -> None:
    content = rb'{"author": {"role": "user"}, "content": {"parts": ["x\ude00y"]}}'
    found = read_chatgpt(rb'{"title": "\ud83d", "mapping": {"a": {"message": ' + content + b"}}}")
    assert (found.title, found.messages[0].message.text) == ("�", "x�y")
