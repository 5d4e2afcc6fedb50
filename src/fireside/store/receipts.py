"""Receipts as they are stored: lists of ids as ranges over the branch, so that long chats stay small.

Reply number 2,500 of a chat was given thousands of messages; as ids, the receipts of one such
chat would take hundreds of megabytes. A range `(3, 90)` means the messages 3 to 90 of the
branch, counted from its root, both included.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fireside.conversations import ReceiptCounts
from fireside.messages import Receipt

_Ranges = tuple[tuple[int, int] | str, ...]


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    context_length: int
    prompt_tokens: int
    reason: str | None
    included: _Ranges
    digested: _Ranges
    recalled: _Ranges
    omitted: _Ranges


_DECODER = msgspec.json.Decoder(_Stored)


def pack(receipt: Receipt, branch: Sequence[str]) -> str:
    """Return `receipt` without its digest; an id that isn't on the branch is kept as it is."""
    places = {id_: place for place, id_ in enumerate(branch)}
    stored = _Stored(
        context_length=receipt.context_length,
        prompt_tokens=receipt.prompt_tokens,
        reason=receipt.reason,
        included=_ranges(receipt.included, places),
        digested=_ranges(receipt.digested, places),
        recalled=_ranges(receipt.recalled, places),
        omitted=_ranges(receipt.omitted, places),
    )
    return msgspec.json.encode(stored).decode()


def unpack(stored: str, digest: str | None, branch: Sequence[str]) -> Receipt:
    """Return the receipt with its full lists."""
    packed = _DECODER.decode(stored)
    return Receipt(
        context_length=packed.context_length,
        prompt_tokens=packed.prompt_tokens,
        reason=packed.reason,
        digest=digest,
        included=_ids(packed.included, branch),
        digested=_ids(packed.digested, branch),
        recalled=_ids(packed.recalled, branch),
        omitted=_ids(packed.omitted, branch),
    )


def counts_of(stored: str) -> ReceiptCounts:
    """Return the lengths of the lists; this needs no branch."""
    packed = _DECODER.decode(stored)
    return ReceiptCounts(
        context_length=packed.context_length,
        prompt_tokens=packed.prompt_tokens,
        included=_count(packed.included),
        digested=_count(packed.digested),
        recalled=_count(packed.recalled),
        omitted=_count(packed.omitted),
        reason=packed.reason,
    )


def _ranges(ids: Sequence[str], places: dict[str, int]) -> _Ranges:
    ranges: list[tuple[int, int] | str] = []
    for id_ in ids:
        place = places.get(id_)
        last = ranges[-1] if ranges else None
        if place is None:
            ranges.append(id_)
        elif isinstance(last, tuple) and last[1] + 1 == place:
            ranges[-1] = (last[0], place)
        else:
            ranges.append((place, place))
    return tuple(ranges)


def _ids(ranges: _Ranges, branch: Sequence[str]) -> tuple[str, ...]:
    ids: list[str] = []
    for piece in ranges:
        ids.extend([piece] if isinstance(piece, str) else branch[piece[0] : piece[1] + 1])
    return tuple(ids)


def _count(ranges: _Ranges) -> int:
    return sum(1 if isinstance(piece, str) else piece[1] - piece[0] + 1 for piece in ranges)
