"""Conversations on their way out: Markdown for people, JSON for another Fireside.

The JSON document is `{"format": "fireside", "version": 1, "conversations": [ExportedConversation…]}`.
It holds all branches; ids are kept, so that an import knows what it has seen. Receipts and token ids
stay behind: they belong to the model files of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from fireside.conversations import Failure, ReplyStatus, StoredMessage, Tree
from fireside.messages import (
    Defaults,
    FilePart,
    FinishReason,
    ImagePart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    Timings,
    Usage,
)
from fireside.store.markdown import fenced
from fireside.store.store import Store
from fireside.store.titles import one_line

FORMAT = "fireside"
VERSION = 1
_HEAD = b'{"format":"fireside","version":1,"conversations":['
_TAIL = b"\n]}\n"


class ExportedMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message as `StoredMessage` has it, without what only this machine understands."""

    id: str
    role: Role
    parts: tuple[Part, ...]
    created_at: int
    parent_id: str | None = None
    model: str | None = None
    status: ReplyStatus = ReplyStatus.COMPLETE
    defaults: Defaults | None = None
    continues: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    failure: Failure | None = None
    pinned: bool = False


class ExportedConversation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A conversation with the messages of all its branches, parents first. Times are Unix milliseconds."""

    id: str
    title: str
    created_at: int
    updated_at: int
    messages: tuple[ExportedMessage, ...]
    head_id: str | None = None
    defaults: Defaults = Defaults()
    pinned: bool = False


def export_json(tree: Tree) -> bytes:
    """Return one conversation with all its branches as a Fireside document."""
    return b"".join(_document(iter((tree,))))


def export_all(store: Store) -> Iterator[bytes]:
    """Yield the Fireside document of every kept conversation, oldest first, one conversation at a time."""
    return _document(store.tree(conversation_id) for conversation_id in store.all_conversation_ids())


def _document(trees: Iterator[Tree]) -> Iterator[bytes]:
    yield _HEAD
    before = b"\n"
    for tree in trees:
        yield before + msgspec.json.encode(_exported(tree))
        before = b",\n"
    yield _TAIL


def _exported(tree: Tree) -> ExportedConversation:
    conversation = tree.conversation
    return ExportedConversation(
        id=conversation.id,
        title=conversation.title,
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        messages=tuple(
            msgspec.convert(message, ExportedMessage, from_attributes=True) for message in tree.messages
        ),
        head_id=conversation.head_id,
        defaults=conversation.defaults,
        pinned=conversation.pinned,
    )


def export_markdown(tree: Tree) -> str:
    """Return the head's branch for people to read: who said what and when, attached files in code blocks.

    Times are UTC, ISO 8601. Other branches, and settings of the sampling, are in the JSON only.
    """
    conversation = tree.conversation
    blocks = [
        f"# {_inline(conversation.title) or 'Untitled'}",
        f"*{_when(conversation.created_at)} to {_when(conversation.updated_at)}*",
    ]
    if conversation.defaults.system:
        blocks.append("**System**\n\n" + _quoted(conversation.defaults.system))
    for message in tree.branch():
        blocks.extend(_message(message, conversation.defaults))
    return "\n\n".join(blocks) + "\n"


def _message(message: StoredMessage, defaults: Defaults) -> Iterator[str]:
    named = defaults.merged(message.defaults or Defaults())
    names = {
        Role.USER: named.me or "You",
        Role.ASSISTANT: named.you or "Assistant",
        Role.SYSTEM: "System",
    }
    yield f"## {_inline(names[message.role])}"
    by = f", {_inline(message.model)}" if message.model else ""
    yield f"*{_when(message.created_at)}{by}*"
    yield from _parts(message.parts)
    if message.status is not ReplyStatus.COMPLETE:
        why = f": {_inline(message.failure.message)}" if message.failure else ""
        yield f"*({message.status}{why})*"


def _parts(parts: tuple[Part, ...]) -> Iterator[str]:
    """The parts; texts that follow each other are one, as they were said."""
    said = ""
    for part in parts:
        if isinstance(part, TextPart):
            said += part.text
            continue
        if said.strip():
            yield said.strip("\n")
        said = ""
        if isinstance(part, FilePart):
            yield f"**{_inline(part.name)}**\n\n{fenced(part.text)}"
        elif isinstance(part, ImagePart):
            yield f"**{_inline(part.name)}**"
        elif isinstance(part, ReasoningPart):
            yield "*Thoughts*\n\n" + _quoted(part.text)
    if said.strip():
        yield said.strip("\n")


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").splitlines())


def _inline(text: str) -> str:
    """Names and titles are words, never markup.

    >>> _inline("a *b*\\n# <c>")
    'a \\\\*b\\\\* # \\\\<c\\\\>'
    """
    return "".join(f"\\{char}" if char in "\\`*_[]<>" else char for char in one_line(text))


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat().replace("+00:00", "Z")
