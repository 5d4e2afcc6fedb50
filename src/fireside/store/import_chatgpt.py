"""Conversations of a ChatGPT export (`conversations.json`, also `conversations-000.json` and on).

The export is a list of conversations, each a `mapping` from node id to node, and `current_node`.
OpenAI publishes no description; this follows what exports of 2023 to 2026 hold, and takes
every field as possibly missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fireside.messages import Message, Part, ReasoningPart, Role, TextPart
from fireside.store.import_elements import decoded
from fireside.store.import_tree import ForeignNode, conversation_of, origin_of, spaced, unix_ms
from fireside.store.imported import ImportedConversation
from fireside.store.markdown import fenced
from fireside.store.titles import one_line

_CITATION_START, _CITATION_END = "\ue200", "\ue201"
_CITATIONS = ("cite", "filecite")
_EVERYONE = (None, "", "all")


class _Author(msgspec.Struct):
    role: str | None = None


class _Content(msgspec.Struct):
    content_type: str | None = "text"
    parts: list[Any] | None = None
    text: Any = None
    content: Any = None
    language: Any = None
    thoughts: list[Any] | None = None


class _Metadata(msgspec.Struct):
    is_visually_hidden_from_conversation: Any = None
    model_slug: Any = None
    attachments: Any = None


class _Message(msgspec.Struct):
    author: _Author | None = None
    content: _Content | None = None
    create_time: float | str | None = None
    recipient: str | None = None
    metadata: _Metadata | None = None

    @property
    def role(self) -> str:
        return (self.author and self.author.role) or ""

    @property
    def about(self) -> _Metadata:
        return self.metadata or _Metadata()


class _Node(msgspec.Struct):
    parent: str | None = None
    children: list[str] | None = None
    message: _Message | None = None


class _Conversation(msgspec.Struct):
    mapping: dict[str, _Node]
    id: str | None = None
    conversation_id: str | None = None
    title: str | None = None
    create_time: float | str | None = None
    update_time: float | str | None = None
    current_node: str | None = None
    is_starred: bool | None = None
    pinned_time: float | str | None = None


def read_chatgpt(data: bytes) -> ImportedConversation:
    """Return one conversation of a ChatGPT export; msgspec.DecodeError when it is none."""
    found = decoded(data, _Conversation)
    return conversation_of(
        origin_of("chatgpt", found.conversation_id or found.id, data),
        title=found.title,
        times=(found.create_time, found.update_time),
        nodes=_nodes(found.mapping),
        head_id=found.current_node,
        pinned=bool(found.is_starred or found.pinned_time),
    )


def _nodes(mapping: dict[str, _Node]) -> list[ForeignNode]:
    """The nodes, siblings in the order in which their parent names them."""
    parents = {child: name for name, node in mapping.items() for child in node.children or ()}
    rank = {child: at for node in mapping.values() for at, child in enumerate(node.children or ())}
    return [
        ForeignNode(
            name,
            node.parent if node.parent is not None else parents.get(name),
            _message(node.message) if node.message else None,
            unix_ms(node.message.create_time) if node.message else None,
            _model(node.message) if node.message else None,
        )
        for name, node in sorted(mapping.items(), key=lambda item: rank.get(item[0], 0))
    ]


def _model(message: _Message) -> str | None:
    slug = message.about.model_slug
    return one_line(slug) if isinstance(slug, str) and message.role != Role.USER else None


def _message(message: _Message) -> Message | None:
    """What a person saw of a message; None for what was never shown."""
    role = message.role
    if message.content is None or message.about.is_visually_hidden_from_conversation:
        return None
    parts: tuple[Part, ...]
    if role == Role.USER:
        parts = spaced([*_said(message), *_files(message)])
    elif role == Role.ASSISTANT:
        parts = _answered(message)
    elif role == "tool":
        parts = _tool_showed(message)
    else:
        return None
    return Message(Role.USER if role == Role.USER else Role.ASSISTANT, parts) if parts else None


def _answered(message: _Message) -> tuple[Part, ...]:
    content = message.content or _Content()
    if content.content_type == "thoughts":
        return _reasoning("\n\n".join(_thoughts(content.thoughts or [])))
    if content.content_type == "reasoning_recap":
        return _reasoning(_text(content.content) or _text(content.text))
    if content.content_type == "code":
        code = _text(content.text)
        block = (
            fenced(code, one_line(_text(content.language)).replace("unknown", "").replace("`", ""))
            if code
            else ""
        )
        return _words(block) if message.recipient in _EVERYONE else _reasoning(block)
    said = _said(message)
    if message.recipient in _EVERYONE:
        return said
    return _reasoning("\n\n".join(part.text for part in said))


def _tool_showed(message: _Message) -> tuple[Part, ...]:
    """A tool's pictures, which were part of the answer, and what code printed, which was shown folded."""
    content = message.content or _Content()
    if content.content_type == "execution_output":
        output = _text(content.text)
        return _reasoning(fenced(output) if output else "")
    return _words("\n".join(_medium(part, message) for part in content.parts or () if isinstance(part, dict)))


def _thoughts(thoughts: list[Any]) -> Iterator[str]:
    for thought in thoughts:
        if isinstance(thought, dict):
            words = [_text(thought.get("summary")), _text(thought.get("content"))]
            yield "\n\n".join(word for word in words if word)


def _said(message: _Message) -> tuple[TextPart, ...]:
    content = message.content or _Content()
    pieces = [_piece(part, message) for part in content.parts or ()] or [_text(content.text)]
    return _words("\n".join(piece for piece in pieces if piece))


def _piece(part: Any, message: _Message) -> str:
    if isinstance(part, str):
        return _without_citations(part)
    return _medium(part, message) if isinstance(part, dict) else ""


def _medium(part: dict[str, Any], message: _Message) -> str:
    """What stands in the text for a picture or a recording; of a recording its words if known."""
    kind = _text(part.get("content_type"))
    if isinstance(part.get("text"), str):
        return _text(part["text"])
    if "image" in kind:
        return f"[image: {_medium_name(part, message)}]"
    if "audio" in kind or "video" in kind:
        spoken = any("transcription" in _text(other.get("content_type")) for other in _dicts(message))
        return "" if spoken else f"[audio: {_medium_name(part, message)}]"
    return ""


def _dicts(message: _Message) -> list[dict[str, Any]]:
    return [part for part in (message.content or _Content()).parts or () if isinstance(part, dict)]


def _medium_name(part: dict[str, Any], message: _Message) -> str:
    pointer = _text(part.get("asset_pointer")).rpartition("/")[2]
    for attachment in _attachments(message):
        if pointer and attachment.get("id") == pointer and _text(attachment.get("name")):
            return one_line(_text(attachment["name"]))[:120]
    metadata = part.get("metadata")
    dalle = metadata.get("dalle") if isinstance(metadata, dict) else None
    prompt = _text(dalle.get("prompt")) if isinstance(dalle, dict) else ""
    return one_line(prompt or pointer or "unnamed")[:120]


def _attachments(message: _Message) -> list[dict[str, Any]]:
    found = message.about.attachments
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _files(message: _Message) -> tuple[TextPart, ...]:
    """Attached files by name (the export doesn't hold their text); pictures stand in the text already."""
    shown = {_text(part.get("asset_pointer")).rpartition("/")[2] for part in _dicts(message)}
    names = [
        one_line(_text(entry.get("name")) or "unnamed")[:120]
        for entry in _attachments(message)
        if entry.get("id") not in shown
    ]
    return _words("\n".join(f"[file: {name}]" for name in names))


def _without_citations(text: str) -> str:
    """Take out the marks of citations, which stand between characters of the private use area.

    >>> _without_citations("Tea\\ue200cite\\ue202turn0search1\\ue201 helps.")
    'Tea helps.'
    """
    first, *rest = text.split(_CITATION_START)
    kept = [first]
    for piece in rest:
        mark, end, after = piece.partition(_CITATION_END)
        cited = end and mark.split("\ue202")[0] in _CITATIONS
        kept.append(after if cited else _CITATION_START + piece)
    return "".join(kept)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _words(text: str) -> tuple[TextPart, ...]:
    return (TextPart(text),) if text.strip() else ()


def _reasoning(text: str) -> tuple[ReasoningPart, ...]:
    return (ReasoningPart(text),) if text.strip() else ()
