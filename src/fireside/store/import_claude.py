"""Conversations of a Claude export: `conversations.json`, a list with `chat_messages` in each.

Anthropic publishes no description; this follows what exports of 2024 to 2026 hold. Newer ones name
each message's parent, and all branches are kept; older ones are a line.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fireside.messages import FilePart, Message, Part, ReasoningPart, Role, TextPart
from fireside.store.import_elements import decoded
from fireside.store.import_tree import ForeignNode, conversation_of, origin_of, spaced, unix_ms
from fireside.store.imported import ImportedConversation
from fireside.store.titles import one_line

_ROLES = {"human": Role.USER, "user": Role.USER, "assistant": Role.ASSISTANT}
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".bmp")


class _Block(msgspec.Struct):
    type: str | None = "text"
    text: Any = None
    thinking: Any = None
    input: Any = None


class _Attachment(msgspec.Struct):
    file_name: str | None = None
    extracted_content: str | None = None


class _Message(msgspec.Struct):
    uuid: str | None = None
    sender: str | None = None
    text: str | None = None
    content: list[_Block] | str | None = None
    created_at: float | str | None = None
    attachments: list[_Attachment] | None = None
    files: list[_Attachment] | None = None
    parent_message_uuid: str | None = None


class _Conversation(msgspec.Struct):
    chat_messages: list[_Message]
    uuid: str | None = None
    name: str | None = None
    created_at: float | str | None = None
    updated_at: float | str | None = None
    current_leaf_message_uuid: str | None = None
    is_starred: bool | None = None
    model: str | None = None


def read_claude(data: bytes) -> ImportedConversation:
    """Return one conversation of a Claude export; msgspec.DecodeError when it is none."""
    found = decoded(data, _Conversation)
    return conversation_of(
        origin_of("claude", found.uuid, data),
        title=found.name,
        times=(found.created_at, found.updated_at),
        nodes=_nodes(found),
        head_id=found.current_leaf_message_uuid,
        pinned=bool(found.is_starred),
    )


def _nodes(conversation: _Conversation) -> list[ForeignNode]:
    branches = any(message.parent_message_uuid for message in conversation.chat_messages)
    nodes: list[ForeignNode] = []
    taken: set[str] = set()
    for at, message in enumerate(conversation.chat_messages):
        name = message.uuid if message.uuid and message.uuid not in taken else f"number {at}"
        taken.add(name)
        before = nodes[-1].id if nodes else None
        role = _ROLES.get(message.sender or "")
        parts = _parts(message) if role else ()
        nodes.append(
            ForeignNode(
                name,
                message.parent_message_uuid if branches else before,
                Message(role, parts) if role and parts else None,
                unix_ms(message.created_at),
                one_line(conversation.model) if conversation.model and role is Role.ASSISTANT else None,
            )
        )
    return nodes


def _parts(message: _Message) -> tuple[Part, ...]:
    parts: list[Part] = []
    for attachment in message.attachments or ():
        if attachment.extracted_content:
            parts.append(FilePart(_name(attachment, "pasted text"), attachment.extracted_content))
        else:
            parts.append(_mention(attachment))
    blocks = [_Block(text=message.content)] if isinstance(message.content, str) else message.content
    said = [part for block in blocks or () if (part := _part(block))]
    if message.text and not any(isinstance(part, TextPart) for part in said):
        said.append(TextPart(message.text))
    known = {attachment.file_name for attachment in message.attachments or ()}
    mentions = [_mention(file) for file in message.files or () if file.file_name not in known]
    return spaced([*parts, *said, *mentions])


def _part(block: _Block) -> Part | None:
    if block.type == "text" and isinstance(block.text, str) and block.text.strip():
        return TextPart(block.text)
    if block.type == "thinking" and isinstance(block.thinking, str) and block.thinking.strip():
        return ReasoningPart(block.thinking)
    if block.type == "tool_use" and isinstance(block.input, dict):
        return _artifact(block.input)
    return None


def _artifact(given: dict[str, Any]) -> FilePart | None:
    """A document that was written beside the chat; other calls of tools were never shown whole."""
    title, text = given.get("title"), given.get("content")
    if isinstance(title, str) and isinstance(text, str) and text:
        return FilePart(one_line(title)[:120] or "artifact", text)
    return None


def _mention(file: _Attachment) -> TextPart:
    name = _name(file, "unnamed")
    kind = "image" if name.lower().endswith(_PICTURES) else "file"
    return TextPart(f"[{kind}: {name}]")


def _name(file: _Attachment, otherwise: str) -> str:
    return one_line(file.file_name or "")[:120] or otherwise
