"""Messages of another program made into a tree of ours: nothing hangs, nothing said is dropped.

A foreign tree may hold nodes that nobody saw (system notes, tool calls), nodes without a parent,
several roots, even cycles. What is kept is hung under its nearest kept ancestor.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import msgspec

from fireside.messages import Message, Part, Role, TextPart
from fireside.store.imported import ImportedConversation, ImportedMessage
from fireside.store.titles import one_line

_LATEST_MS = 253_402_300_799_000  # the last second of the year 9999
_SECONDS_UNTIL = 100_000_000_000  # as seconds the year 5138, as milliseconds 1973


class ForeignNode(msgspec.Struct, frozen=True):
    """A node as it was found; `message` is None when it isn't shown to people."""

    id: str
    parent_id: str | None
    message: Message | None
    created_at: int | None = None
    model: str | None = None


def unix_ms(value: object) -> int | None:
    """Return a time as Unix milliseconds: seconds, milliseconds or ISO 8601; None for anything else.

    >>> unix_ms(1_700_000_000.25), unix_ms(1_700_000_000_250), unix_ms("2023-11-14T22:13:20.250Z")
    (1700000000250, 1700000000250, 1700000000250)
    >>> unix_ms("yesterday"), unix_ms(float("nan")), unix_ms(-5), unix_ms(None)
    (None, None, None, None)
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    milliseconds = round(value * 1000) if abs(value) < _SECONDS_UNTIL else round(value)
    return milliseconds if 0 <= milliseconds <= _LATEST_MS else None


def sane_ms(milliseconds: int) -> int:
    """Return a time of our own format, 0 where it is no time between 1970 and 9999."""
    return milliseconds if 0 <= milliseconds <= _LATEST_MS else 0


def origin_of(program: str, identity: str | None, data: bytes) -> str:
    """Return the key by which a conversation is known again; without an id its bytes are its name."""
    if not identity or len(identity) > 200:
        identity = "sha256-" + hashlib.sha256(identity.encode() if identity else data).hexdigest()
    return f"{program}:{identity}"


def conversation_of(
    origin: str,
    *,
    title: str | None,
    times: tuple[object, object],
    nodes: Sequence[ForeignNode],
    head_id: str | None,
    pinned: bool,
) -> ImportedConversation:
    """Return the conversation that grows from `nodes`; `times` are its creation and its last change."""
    created_at, updated_at = map(unix_ms, times)
    messages, head_id = grown(nodes, head_id, since=created_at or updated_at or 0)
    said_at = [message.created_at for message in messages]
    if created_at is None:
        created_at = min(said_at, default=updated_at or 0)
    if updated_at is None:
        updated_at = max(said_at, default=created_at)
    return ImportedConversation(
        origin, one_line(title or ""), created_at, updated_at, head_id, messages, pinned=pinned
    )


def grown(
    nodes: Sequence[ForeignNode], head_id: str | None, *, since: int = 0
) -> tuple[tuple[ImportedMessage, ...], str | None]:
    """Return the messages to keep, parents first and oldest first, and the head among them.

    Consecutive nodes of one reply (its thoughts, its calls, its words) become one message, unless
    branches part between them. A message without a time has its parent's, at the root `since`.
    """
    by_id = {node.id: node for node in nodes}
    order = _from_the_roots(by_id)
    nearest = _kept_parents(by_id, order)
    children = Counter(nearest[node.id] for node in order if node.message is not None)
    tree = _Tree(since)
    for node in order:
        parent_id = nearest[node.id]
        tree.take(node, parent_id, alone=children[parent_id] == 1)
    return tree.messages(), tree.stands_in.get(head_id or "")


class _Tree:
    """The messages made so far; `stands_in` is the message in which each node went up."""

    def __init__(self, since: int) -> None:
        self._since = since
        self._made: dict[str, ImportedMessage] = {}
        self._order: dict[str, int] = {}
        self.stands_in: dict[str, str] = {}

    def take(self, node: ForeignNode, parent_id: str | None, *, alone: bool) -> None:
        parent = self._made[self.stands_in[parent_id]] if parent_id is not None else None
        if node.message is None:
            if parent is not None:
                self.stands_in[node.id] = parent.id
        elif parent is not None and alone and _one_reply(parent.message, node.message):
            self._made[parent.id] = _joined(parent, node.message, node.model)
            self.stands_in[node.id] = parent.id
        else:
            self._add(node, node.message, parent)

    def _add(self, node: ForeignNode, message: Message, parent: ImportedMessage | None) -> None:
        created_at = node.created_at
        if created_at is None:
            created_at = parent.created_at if parent else self._since
        parent_id = parent.id if parent else None
        self._made[node.id] = ImportedMessage(node.id, parent_id, message, created_at, node.model)
        # A clock that ran backwards must not put a message before what it answers.
        self._order[node.id] = max(created_at, self._order[parent_id]) if parent_id else created_at
        self.stands_in[node.id] = node.id

    def messages(self) -> tuple[ImportedMessage, ...]:
        return tuple(sorted(self._made.values(), key=lambda message: self._order[message.id]))


def _one_reply(before: Message, after: Message) -> bool:
    return before.role is Role.ASSISTANT and after.role is Role.ASSISTANT


def _joined(before: ImportedMessage, message: Message, model: str | None) -> ImportedMessage:
    parts = (*before.message.parts, *spaced(message.parts, said=bool(before.message.text)))
    return msgspec.structs.replace(
        before, message=Message(Role.ASSISTANT, parts), model=model or before.model
    )


def spaced(parts: Iterable[Part], *, said: bool = False) -> tuple[Part, ...]:
    """Return the parts with an empty line before each text that follows another, as they are read as one.

    >>> [part.text for part in spaced((TextPart("Tea."), TextPart("Coffee.")))]
    ['Tea.', '\\n\\nCoffee.']
    """
    result: list[Part] = []
    for part in parts:
        if isinstance(part, TextPart):
            result.append(TextPart("\n\n" + part.text.lstrip("\n")) if said else part)
            said = True
        else:
            result.append(part)
    return tuple(result)


class _Node(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def parent_id(self) -> str | None: ...


N = TypeVar("N", bound=_Node)


def in_order(nodes: Sequence[N]) -> list[N]:
    """Return `nodes` as they stand when each follows its parent, else from the roots on; an id stands once.

    A parent that then still comes later (a cycle) or never is no parent.
    """
    by_id = {node.id: node for node in nodes}
    seen: set[str] = set()
    for node in nodes:
        if node.id in seen or (node.parent_id is not None and node.parent_id not in seen):
            return _from_the_roots(by_id)
        seen.add(node.id)
    return list(nodes)


def _from_the_roots(by_id: Mapping[str, N]) -> list[N]:
    """Every node once, parents before children, siblings as they stood; a cycle is cut where it is met."""
    below: dict[str, list[N]] = {}
    roots: list[N] = []
    for node in by_id.values():
        if node.parent_id in by_id:
            below.setdefault(node.parent_id or "", []).append(node)
        else:
            roots.append(node)
    order: list[N] = []
    seen: set[str] = set()
    for root in [*roots, *by_id.values()]:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node.id in seen:
                continue
            seen.add(node.id)
            order.append(node)
            waiting.extend(reversed(below.get(node.id, ())))
    return order


def _kept_parents(by_id: Mapping[str, ForeignNode], order: Sequence[ForeignNode]) -> dict[str, str | None]:
    """Each node's nearest ancestor that is kept; a parent that comes later was cut off."""
    nearest: dict[str, str | None] = {}
    for node in order:
        parent = by_id.get(node.parent_id or "")
        if parent is None or parent.id not in nearest:
            nearest[node.id] = None
        else:
            nearest[node.id] = parent.id if parent.message is not None else nearest[parent.id]
    return nearest
