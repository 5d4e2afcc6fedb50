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


class _Counts(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of what is stored: all that a tree shows, readable without the lists."""

    context_length: int
    prompt_tokens: int
    included: int
    digested: int
    recalled: int
    omitted: int
    reason: str | None


class _Stored(_Counts, frozen=True, array_like=True):
    included_ids: _Ranges
    digested_ids: _Ranges
    recalled_ids: _Ranges
    omitted_ids: _Ranges
    memories: tuple[str, ...] = ()
    digest_number: int | None = None
    """the digest's row: it is kept once for all the replies that were given it"""


_STORED = msgspec.json.Decoder(_Stored)
_COUNTS = msgspec.json.Decoder(_Counts)


def pack(receipt: Receipt, branch: Sequence[str], digest_number: int | None = None) -> str:
    """Return `receipt` without its digest's text; an id that isn't on the branch is kept as it is."""
    places = {id_: place for place, id_ in enumerate(branch)}
    stored = _Stored(
        context_length=receipt.context_length,
        prompt_tokens=receipt.prompt_tokens,
        included=len(receipt.included),
        digested=len(receipt.digested),
        recalled=len(receipt.recalled),
        omitted=len(receipt.omitted),
        reason=receipt.reason,
        included_ids=_ranges(receipt.included, places),
        digested_ids=_ranges(receipt.digested, places),
        recalled_ids=_ranges(receipt.recalled, places),
        omitted_ids=_ranges(receipt.omitted, places),
        memories=receipt.memories,
        digest_number=digest_number,
    )
    return msgspec.json.encode(stored).decode()


def unpack(stored: str, digest: str | None, branch: Sequence[str]) -> Receipt:
    """Return the receipt with its full lists."""
    packed = _STORED.decode(stored)
    return Receipt(
        context_length=packed.context_length,
        prompt_tokens=packed.prompt_tokens,
        reason=packed.reason,
        digest=digest,
        included=_ids(packed.included_ids, branch),
        digested=_ids(packed.digested_ids, branch),
        recalled=_ids(packed.recalled_ids, branch),
        omitted=_ids(packed.omitted_ids, branch),
        memories=packed.memories,
    )


def digest_number(stored: str) -> int | None:
    """Return the number of the digest's row, None where the text is kept with the receipt."""
    return _STORED.decode(stored).digest_number


def counts_of(stored: str) -> ReceiptCounts:
    """Return the lengths of the lists; this needs no branch."""
    packed = _COUNTS.decode(stored)
    return ReceiptCounts(
        packed.context_length,
        packed.prompt_tokens,
        packed.included,
        packed.digested,
        packed.recalled,
        packed.omitted,
        packed.reason,
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
