"""Moves a window on: which messages stay word for word, and the digest that stands for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from fireside.conversations import StoredMessage
from fireside.framing import Framing, Ids, Laid
from fireside.memories import Digest
from fireside.memory.digest import Composed, Line, Said, compose, digest_block, lines_of
from fireside.messages import Role
from fireside.past import Past, said_by
from fireside.window import COMPACT_TO, PINNED_SHARE, Budget, Sized, check_question, first_kept, newest_within

SMALLEST_DIGEST = 24
"""tokens; below it says nothing"""
BYTES_PER_TOKEN = 4
TRIES = 12

Summarise = Callable[[str, Sequence[Said], int], Awaitable[str]]
"""Given the digest before, the messages to add, and a number of tokens: what a model makes of them."""
Contents = Callable[[Past, int | None], Awaitable[list[Ids]]]
"""Gives the ids of a past's kept messages, or of the newest ones that could fit into so many tokens."""


class Moved(msgspec.Struct, frozen=True):
    """A past whose window was moved on, as it is laid out; its digest isn't stored yet."""

    past: Past
    laid: Laid


class Eviction:
    """One moving on of a window."""

    def __init__(self, framing: Framing, budget: Budget, room: int, contents: Contents) -> None:
        self._framing = framing
        self._budget = budget
        self._room = room
        self._contents = contents

    async def move(self, past: Past, summarise: Summarise | None = None) -> Moved | None:
        """Move the window of `past` on; None where even so it doesn't fit.

        ContextLengthExceeded where the last message alone doesn't.
        """
        bare = msgspec.structs.replace(past, pinned=(), digest=None)
        contents = await self._contents(bare, self._room)
        newest = past.window[len(past.window) - len(contents) :]
        laid = await self._framing.lay([message.role for message in newest], contents)
        check_question(laid.sizes[-1], laid.head, self._room)
        free = self._room - laid.head
        pins = await self._pins(past, int(free * PINNED_SHARE))
        goal = int(free * COMPACT_TO) - sum(size for _, size in pins) - self._budget.digest
        sizes = [Sized(m.id, m.role, size) for m, size in zip(newest, laid.sizes, strict=True)]
        keep = len(newest) - first_kept(sizes, goal)
        return await self._with_digest(past, keep, pins, summarise)

    async def _pins(self, past: Past, most: int) -> list[tuple[StoredMessage, int]]:
        """Return the newest pinned messages that may stay, with their sizes."""
        pins = [message for message in past.spoken[:-1] if message.pinned][-self._budget.context_length :]
        sizes = [
            len(await self._framing.content(message.role, message.message.prompt_text)) for message in pins
        ]
        first = len(pins) - newest_within(sizes, most)
        return list(zip(pins[first:], sizes[first:], strict=True))

    async def _with_digest(
        self, past: Past, keep: int, pins: list[tuple[StoredMessage, int]], summarise: Summarise | None
    ) -> Moved | None:
        """Write a digest of what doesn't stay; a smaller one, then fewer pinned ones, where it must be."""
        inside = {message.id for message in past.spoken[len(past.spoken) - keep :]}
        pinned = tuple(message for message, _ in pins if message.id not in inside)
        evicted = past.moved(keep, pinned, None).evicted
        material = await self._material(past, evicted, summarise) if evicted else _Material(())
        limit = self._budget.digest
        for _ in range(TRIES):
            moved = past.moved(keep, pinned, await self._digest(past, keep, pinned, material, limit))
            contents = await self._contents(moved, None)
            laid = await self._framing.lay([message.role for message in moved.kept], contents)
            over = laid.total - self._room
            if over <= 0:
                return Moved(moved, laid)
            if moved.digest is None:
                if not pinned:
                    break
                pinned = pinned[(len(pinned) + 1) // 2 :]
            else:
                limit -= over + SMALLEST_DIGEST // 2
        return None

    async def _material(
        self, past: Past, evicted: Sequence[StoredMessage], summarise: Summarise | None
    ) -> _Material:
        """Return what a digest may be made of: the digest before, and what is evicted now."""
        names = {role: self._framing.layout.name_of(role) for role in Role}
        before = past.digest.text if past.digest else ""
        known = {message.id for message in past.kept}
        new = said_by([message for message in evicted if not before or message.id in known], names)
        lines = await asyncio.to_thread(lines_of, before, new, person=names[Role.USER])
        summary = await summarise(before, new, self._budget.digest // 2) if summarise and new else ""
        return _Material(lines, summary)

    async def _digest(
        self, past: Past, keep: int, pinned: Sequence[StoredMessage], material: _Material, limit: int
    ) -> Digest | None:
        if limit < SMALLEST_DIGEST or not material.lines:
            return None
        count = len(past.spoken) - keep
        composed = await fit(self._framing, material, limit, count)
        if not composed.text:
            return None
        return Digest(
            message_id=past.spoken[len(past.spoken) - keep - 1].id,
            text=composed.text,
            kind="model" if composed.by_model else "extractive",
            context_length=self._budget.context_length,
            kept=tuple(message.id for message in pinned),
            left_out=composed.left_out,
        )


class _Material(msgspec.Struct, frozen=True):
    """What a digest is made of."""

    lines: tuple[Line, ...]
    summary: str = ""


async def fit(framing: Framing, material: _Material, limit: int, count: int) -> Composed:
    """Return the digest of `material` whose block takes at most `limit` tokens."""
    size = limit * BYTES_PER_TOKEN
    for _ in range(TRIES):
        composed = await asyncio.to_thread(compose, material.lines, size, material.summary)
        if not composed.text:
            return composed
        tokens = await framing.count(digest_block(composed.text, count))
        if tokens <= limit:
            return composed
        size = min(int(size * limit / tokens), len(composed.text.encode()) - 1)
    return Composed("", composed.left_out)
