"""Rows to values and back."""

from __future__ import annotations

import functools
import sys
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from fireside.conversations import Conversation, Failure, ReplyStatus, StoredMessage
from fireside.messages import Defaults, Part, ReasoningPart, Role, TextPart, Timings, Usage
from fireside.store.receipts import counts_of
from fireside.store.schema import conversations, messages

# Looked up, not called: a long tree reads thousands.
_ROLES = {role.value: role for role in Role}
_STATUSES = {status.value: status for status in ReplyStatus}
_PARTS = msgspec.json.Decoder(tuple[Part, ...])
_USAGE = msgspec.json.Decoder(Usage)
_TIMINGS = msgspec.json.Decoder(Timings)
_FAILURE = msgspec.json.Decoder(Failure)

# How warm a conversation is, what runs in it and where, only a running server knows.
CONVERSATION_FIELDS = tuple(
    field for field in Conversation.__struct_fields__ if field not in ("warmth", "running", "place")
)
CONVERSATION = tuple(conversations.c[field] for field in CONVERSATION_FIELDS)
# A digest can be long and only the receipt needs it.
MESSAGE = tuple(messages.c[field] for field in StoredMessage.__struct_fields__)


def to_json(value: object) -> str:
    """Return `value` as JSON; half characters (lone surrogates) become U+FFFD."""
    return msgspec.json.encode(value).decode()


def or_null(value: object | None) -> str | None:
    return None if value is None else to_json(value)


def whole_characters(text: str) -> str:
    """Return `text` as it can be stored: lone surrogates become U+FFFD, pairs the character they mean.

    >>> whole_characters("a\\ud83d\\ude00b\\ud83d")
    'a😀b�'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def parts_to_json(parts: Sequence[Part]) -> str:
    try:
        return to_json(parts)
    except UnicodeEncodeError:
        return to_json([_mended(part) for part in parts])


def _mended(part: Part) -> Part:
    strings = {name: whole_characters(value) for name, value in msgspec.structs.asdict(part).items()}
    return msgspec.structs.replace(part, **strings)


def parts_of_reply(text: str, reasoning: str) -> tuple[Part, ...]:
    thought: tuple[Part, ...] = (ReasoningPart(reasoning),) if reasoning else ()
    return (*thought, TextPart(text)) if text else thought


def reasoning_of(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, ReasoningPart))


@functools.lru_cache(maxsize=128)
def _defaults(encoded: str) -> Defaults:
    return msgspec.json.decode(encoded, type=Defaults)


def conversation_of(row: Row[Any]) -> Conversation:
    """Return the value of a row that begins with `CONVERSATION`."""
    named = dict(zip(CONVERSATION_FIELDS, row, strict=False))
    return Conversation(**{**named, "defaults": _defaults(named["defaults"])})


def message_of(row: Row[Any]) -> StoredMessage:
    """Return the value of a row of `MESSAGE`; thousands are read at once, so columns go by position."""
    id_, conversation, parent, role, parts, status, created, model, defaults, continues, *rest = tuple(row)
    finish_reason, usage, timings, receipt, failure, pinned, deleted_at = rest
    return StoredMessage(
        id=id_,
        conversation_id=conversation,
        parent_id=parent,
        role=_ROLES[role],
        parts=_PARTS.decode(parts),
        status=_STATUSES[status],
        created_at=created,
        model=model,
        defaults=None if defaults is None else _defaults(defaults),
        continues=continues,
        finish_reason=finish_reason,
        usage=None if usage is None else _USAGE.decode(usage),
        timings=None if timings is None else _TIMINGS.decode(timings),
        receipt=None if receipt is None else counts_of(receipt),
        failure=None if failure is None else _FAILURE.decode(failure),
        pinned=pinned,
        deleted_at=deleted_at,
    )


def parts_of(encoded: str) -> tuple[Part, ...]:
    return _PARTS.decode(encoded)


def ids_to_bytes(token_ids: Sequence[int]) -> bytes:
    """Return token ids as little-endian 32-bit numbers."""
    return _little_endian(array("I", token_ids)).tobytes()


def ids_from_bytes(stored: bytes) -> tuple[int, ...]:
    """
    >>> ids_from_bytes(ids_to_bytes([1, 2, 4_000_000_000]))
    (1, 2, 4000000000)
    """
    ids = array("I")
    ids.frombytes(stored)
    return tuple(_little_endian(ids))


def _little_endian(ids: array[int]) -> array[int]:
    if sys.byteorder == "big":
        ids.byteswap()
    return ids
