"""Warm or cold, before anybody asks: what of a conversation was read already, and how long the rest takes.

Nothing is tokenised for it. The counts are those of the conversation's last reply, the speeds were measured
in earlier turns with the same model on this machine, and both survive a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from fireside.conversations import StoredMessage, Warmth
from fireside.engines.protocol import Engine, ModelFile
from fireside.memory.snapshots import Snapshot
from fireside.written import read_whole, write_whole

QUESTION_TOKENS = 32
"""what a usual question adds to be read"""
MEASURED_TOKENS = 64
"""fewer say nothing about speed"""
WRITTEN_TOKENS = 16
"""of a reply, likewise"""
NEWEST_SHARE = 0.3
"""How much the newest measurement counts in the running mean."""
RESTORED_BYTES_PER_S = 1e9
"""A checksum and a read, measured at 1.1–1.5 GB/s from the system's cache."""
log = logging.getLogger(__name__)


class Held(msgspec.Struct, frozen=True):
    """The memory that a model really took, and with which slots."""

    resident_bytes: int
    context_length: int
    slots: int


class Speed(msgspec.Struct):
    """What was measured of one model here."""

    prompt_tokens_per_s: float | None = None
    load_ms: float | None = None
    reply_tokens_per_s: float | None = None
    reply_after_tokens: float = 0.0
    """how many tokens stood before those of replies, in the mean"""
    held: Held | None = None


class Speeds:
    """Running means of what was measured, by the models' identities, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._known = read_whole(path, dict[str, Speed])
        except (OSError, msgspec.MsgspecError):
            self._known = {}

    def of(self, identity: str) -> Speed:
        return self._known.get(identity, Speed())

    def measured(self, identity: str, *, unread: int, seconds: float, load_ms: float | None) -> None:
        """Count that reading `unread` tokens took so many seconds."""
        known = self._known.setdefault(identity, Speed())
        known.load_ms = load_ms or known.load_ms
        if unread >= MEASURED_TOKENS and seconds > 0:
            newest = unread / seconds
            mean = known.prompt_tokens_per_s or newest
            known.prompt_tokens_per_s = mean + (newest - mean) * NEWEST_SHARE

    def replied(self, identity: str, *, tokens: int, seconds: float, before: int) -> None:
        """Count that writing `tokens` tokens after `before` others took so many seconds."""
        if tokens < WRITTEN_TOKENS or seconds <= 0:
            return
        known = self._known.setdefault(identity, Speed())
        newest, after = tokens / seconds, before + tokens / 2
        share = NEWEST_SHARE if known.reply_tokens_per_s else 1.0
        known.reply_tokens_per_s = (known.reply_tokens_per_s or 0.0) * (1 - share) + newest * share
        known.reply_after_tokens += (after - known.reply_after_tokens) * share

    def held(self, identity: str, held: Held) -> None:
        """Keep what the model takes of memory."""
        self._known.setdefault(identity, Speed()).held = held

    def save(self) -> None:
        """Write them down; without room for that they are measured anew."""
        write_private(self._path, msgspec.json.encode(self._known))


def write_private(path: Path, data: bytes) -> None:
    """Write what was measured into a file of its owner's, in one step; without room it isn't kept."""
    try:
        write_whole(path, data, lasting=False)
    except OSError as error:
        log.info("what was measured is not kept: %s", error.strerror)


class Engines(Protocol):
    """What this needs of the engines room."""

    @property
    def alive(self) -> tuple[Engine, ...]: ...


class Saved(Protocol):
    """What this needs of the snapshots room."""

    def of(self, conversation_id: str) -> tuple[Snapshot, ...]: ...


class _Found(msgspec.Struct, frozen=True):
    """A state that begins with a conversation's branch."""

    state: Literal["warm", "saved"]
    message_id: str
    tokens: int
    size_bytes: int = 0


class Forecast:
    """Tells the warmth of conversations. `key` is what snapshots of a model have today."""

    def __init__(
        self, engines: Engines, snapshots: Saved, speeds: Speeds, key: Callable[[ModelFile], str | None]
    ) -> None:
        self._engines = engines
        self._snapshots = snapshots
        self._speeds = speeds
        self._key = key

    def of(
        self,
        conversation_id: str,
        file: ModelFile,
        last: StoredMessage,
        branch: Callable[[], Sequence[StoredMessage]],
    ) -> Warmth:
        """Return the warmth of a conversation whose branch ends with `last`.

        `branch` is only asked for where what is held is of another moment than the last reply.
        """
        engine = next((one for one in self._engines.alive if one.info.identity == file.identity), None)
        found = [*self._held(engine, conversation_id), *self._saved(file, conversation_id)]
        current = [one for one in found if one.message_id in (last.id, last.parent_id)]
        path: Sequence[StoredMessage] = (last,)
        if (found and not current) or last.usage is None:
            path = branch()
        prompt_tokens = next((_tokens(told) for told in reversed(path) if told.usage), 0)
        best, cached = None, 0
        for one in current or found:
            if one.message_id == last.id:  # a digest was made ahead: the next prompt begins with it
                prompt_tokens = one.tokens
            common = one.tokens if current else _common(one.message_id, path)
            if min(one.tokens, common) > cached:
                best, cached = one, min(one.tokens, common)
        expected = self._expected_ms(file, engine, max(0, prompt_tokens - cached), best)
        state: Literal["warm", "saved", "cold"] = best.state if best else "cold"
        return Warmth(state, min(cached, prompt_tokens), prompt_tokens, expected)

    def _held(self, engine: Engine | None, conversation_id: str) -> Iterable[_Found]:
        for held in engine.held() if engine else ():
            if held.origin.conversation_id == conversation_id:
                yield _Found("warm", held.origin.message_id, held.tokens)

    def _saved(self, file: ModelFile, conversation_id: str) -> Iterable[_Found]:
        for one in self._snapshots.of(conversation_id):
            if one.model == file.reference and one.key == self._key(file):
                yield _Found("saved", one.message_id, one.tokens, one.size_bytes)

    def _expected_ms(
        self, file: ModelFile, engine: Engine | None, unread: int, found: _Found | None
    ) -> float | None:
        speed = self._speeds.of(file.identity)
        if not speed.prompt_tokens_per_s or (engine is None and speed.load_ms is None):
            return None
        reading_s = (unread + QUESTION_TOKENS) / speed.prompt_tokens_per_s
        restoring_s = found.size_bytes / RESTORED_BYTES_PER_S if found else 0.0
        loading_ms = 0.0 if engine else speed.load_ms or 0.0
        return (reading_s + restoring_s) * 1000 + loading_ms


def _tokens(reply: StoredMessage) -> int:
    """Return how many tokens the prompt and the reply had."""
    return reply.usage.prompt_tokens + reply.usage.completion_tokens if reply.usage else 0


def _common(message_id: str, path: Sequence[StoredMessage]) -> int:
    """Return how many tokens of the branch a state holds that was read for `message_id`, at least."""
    tokens = 0
    for told in path:
        tokens = _tokens(told) or tokens
        if message_id in (told.id, told.parent_id) and told.usage:
            return tokens
    return 0
