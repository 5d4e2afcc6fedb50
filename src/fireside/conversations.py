"""Conversations as the store keeps them and the API shows them: a tree of messages with one head."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from fireside.messages import (
    Defaults,
    FinishReason,
    Message,
    Part,
    Place,
    Receipt,
    Role,
    TextPart,
    Timings,
    Usage,
)


class ReplyStatus(enum.StrEnum):
    """A message of a person or of an import is always `complete`."""

    QUEUED = "queued"
    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self not in (ReplyStatus.QUEUED, ReplyStatus.STREAMING)


class Failure(msgspec.Struct, frozen=True):
    """Why a reply failed: an error's code, message and hint."""

    code: str
    message: str
    hint: str | None = None


class ReceiptCounts(msgspec.Struct, frozen=True):
    """The lengths of a receipt's lists: what a tree shows of it."""

    context_length: int
    prompt_tokens: int
    included: int
    digested: int
    recalled: int
    omitted: int
    reason: str | None = None


class StoredMessage(msgspec.Struct, frozen=True):
    """One message of the tree. A reply is an assistant message; its id is also the reply's id.

    `created_at` is Unix time in milliseconds; order among siblings is the order of ids (UUIDv7).
    `defaults` is what a reply was really generated with, its seed included, so that it can be
    repeated. `continues` is the id of the reply whose text this one begins with. `pinned` ones are
    always given to the model word for word.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    parts: tuple[Part, ...]
    status: ReplyStatus
    created_at: int
    model: str | None = None
    defaults: Defaults | None = None
    continues: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    receipt: ReceiptCounts | None = None
    failure: Failure | None = None
    pinned: bool = False
    deleted_at: int | None = None
    """set while it lies in the trash"""

    @property
    def message(self) -> Message:
        return Message(self.role, self.parts)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Warmth(msgspec.Struct, frozen=True):
    """How much of a conversation's branch an engine has read already, and what is still to be waited for.

    `warm`: an engine holds it; `saved`: a snapshot on disk does; `cold`: all of it is to be read.
    `expected_first_token_ms` comes from measured speeds; None where nothing was measured yet.
    """

    state: Literal["warm", "saved", "cold"]
    cached_tokens: int = 0
    prompt_tokens: int = 0
    expected_first_token_ms: float | None = None


class Conversation(msgspec.Struct, frozen=True):
    """A conversation without its messages. Times are Unix milliseconds.

    `head_id` is the message at the end of the branch that is shown; None for an empty branch.
    `temporary` ones are never listed, searched or exported and go when the server does.
    `deleted_at` is set while it lies in the trash.
    """

    id: str
    title: str
    created_at: int
    updated_at: int
    head_id: str | None = None
    defaults: Defaults = Defaults()
    pinned: bool = False
    temporary: bool = False
    deleted_at: int | None = None
    messages_count: int = 0
    warmth: Warmth | None = None
    """told by a running server where it is known"""
    running: tuple[str, ...] = ()
    """the ids of the replies that are being generated in it or wait for their turn"""
    place: Place | None = None
    """where the model computes that would answer next; told by a running server"""


class Tree(msgspec.Struct, frozen=True):
    """A conversation with all of its messages, oldest first."""

    conversation: Conversation
    messages: tuple[StoredMessage, ...]

    def branch(self, head_id: str | None = None) -> tuple[StoredMessage, ...]:
        """Return the path from the root to `head_id` (by default the conversation's head)."""
        by_id = {message.id: message for message in self.messages}
        path: list[StoredMessage] = []
        at = by_id.get(head_id or self.conversation.head_id or "")
        while at is not None:
            path.append(at)
            at = by_id.get(at.parent_id or "")
        return tuple(reversed(path))

    def siblings(self, message_id: str) -> tuple[StoredMessage, ...]:
        """Return the messages with the same parent, this one included, oldest first."""
        parent = next(message.parent_id for message in self.messages if message.id == message_id)
        return tuple(message for message in self.messages if message.parent_id == parent)


class SearchHit(msgspec.Struct, frozen=True):
    """A message that was found. In `snippet` what matched stands between U+0002 and U+0003."""

    conversation_id: str
    title: str
    message_id: str
    role: Role
    snippet: str
    created_at: int


class ConversationPage(msgspec.Struct, frozen=True):
    """A page of a listing; `next_cursor` is None on the last one."""

    conversations: tuple[Conversation, ...]
    next_cursor: str | None = None


class ReplyRecord(msgspec.Struct, frozen=True):
    """A finished reply, as `ask --json` prints it."""

    conversation_id: str
    message_id: str
    model: str | None
    text: str
    finish_reason: FinishReason | None
    usage: Usage | None
    timings: Timings | None
    receipt: Receipt | None
    status: ReplyStatus
    failure: Failure | None = None
