"""The values of memory: digests, recalls, and memories across conversations."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

LONGEST_MEMORY = 1000
MemoryText = Annotated[str, Meta(min_length=1, max_length=LONGEST_MEMORY)]


class Digest(msgspec.Struct, frozen=True):
    """What stands for a branch from its root to the message `message_id`.

    `kept` are the pinned messages of that span, which stay word for word. An empty `text` means
    that there was no room for one. `left_out` counts the facts that had no room; recall finds them.
    """

    message_id: str
    text: str
    kind: Literal["extractive", "model"]
    context_length: int
    """the window that it was made for"""
    kept: tuple[str, ...] = ()
    left_out: int = 0


class Quote(msgspec.Struct, frozen=True):
    """A sentence of an evicted message, as it was said, and who said it."""

    message_id: str
    speaker: str
    text: str


class RememberedText(msgspec.Struct, frozen=True):
    """A memory as a conversation was given it."""

    id: str
    text: str


class Recall(msgspec.Struct, frozen=True):
    """What goes before a question: quotes of this conversation, and memories.

    `digest_of` is the last message of the digest that it was made beside; None without one.
    """

    message_id: str
    digest_of: str | None = None
    quotes: tuple[Quote, ...] = ()
    memories: tuple[RememberedText, ...] = ()


class Memory(msgspec.Struct, frozen=True):
    """Something that a person asked to be remembered in all conversations. Times are Unix milliseconds."""

    id: str
    text: str
    created_at: int
    updated_at: int


class Memories(msgspec.Struct, frozen=True):
    """All memories, the oldest first; `on` says whether conversations are given them."""

    on: bool
    memories: tuple[Memory, ...]


class Ability(msgspec.Struct, frozen=True):
    """How well a model writes a digest: the share of a known text's facts that it kept, and its length
    as a share of that text's."""

    facts_kept: float
    length: float
