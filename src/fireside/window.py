"""What of a branch stays in the window word for word, and the receipt for it: pure code."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fireside.errors import ContextLengthExceeded
from fireside.messages import Receipt, Role

LONGEST_RESERVE = 1024
COMPACT_AT = 0.75
"""The share of the window from which on a digest is written ahead of the next question."""
COMPACT_TO = 0.6
"""When older messages must go, so many go that the rest fills this share of the budget, digest included:
then the following turns only append, and the engine's cache holds."""
DIGEST_SHARE = 0.25
"""of the window, at most, for a digest"""
DIGEST_OF_REST = 0.4
"""of what stays, at most, where the window is mostly kept for the reply"""
RECALL_SHARE = 0.15
"""of the window, at most, for what is quoted before a question"""
QUESTION_SHARE = 0.05
"""of the window: what a next question is expected to take"""
PINNED_SHARE = 0.4
"""of the budget, at most, for pinned messages outside the window"""


class Budget(msgspec.Struct, frozen=True):
    """The window in tokens, and the part of it that is kept for the reply."""

    context_length: int
    reserve: int

    @classmethod
    def of(cls, context_length: int, max_tokens: int | None) -> Budget:
        """Return the budget for a reply of at most `max_tokens`, never more than a quarter kept.

        >>> Budget.of(8192, 500).prompt, Budget.of(512, None).prompt
        (7692, 384)
        """
        wanted = LONGEST_RESERVE if max_tokens is None else max_tokens
        return cls(context_length, max(1, min(wanted, context_length // 4)))

    @property
    def prompt(self) -> int:
        return self.context_length - self.reserve

    @property
    def recall(self) -> int:
        """the most that is quoted before a question"""
        return int(self.context_length * RECALL_SHARE)

    @property
    def digest(self) -> int:
        """the most that a digest takes"""
        return int(min(self.context_length * DIGEST_SHARE, self.prompt * COMPACT_TO * DIGEST_OF_REST))

    @property
    def compact_at(self) -> int:
        """A prompt and its reply of so many tokens are compacted ahead: the next question must fit too.

        >>> Budget.of(2048, 64).compact_at, Budget.of(2048, None).compact_at
        (1536, 1127)
        """
        next_turn = int(self.context_length * (RECALL_SHARE + QUESTION_SHARE))
        return min(int(self.context_length * COMPACT_AT), self.prompt - next_turn)


class Sized(msgspec.Struct, frozen=True):
    """A message and the tokens that it takes with its frame."""

    id: str
    role: Role
    tokens: int


def first_kept(messages: Sequence[Sized], budget: int) -> int:
    """Return where the window begins: at a person's message, the newest ones within `budget`.

    The last message always stays, and with it the turn that it belongs to.

    >>> turns = [Sized("a", Role.USER, 5), Sized("b", Role.ASSISTANT, 3), Sized("c", Role.USER, 4)]
    >>> first_kept(turns, 12), first_kept(turns, 8), first_kept(turns[:2], 4)
    (0, 2, 0)
    """
    asked = [index for index, message in enumerate(messages) if message.role is Role.USER]
    first = asked[-1] if asked else len(messages) - 1
    total = sum(message.tokens for message in messages[first:])
    for index in range(first - 1, -1, -1):
        total += messages[index].tokens
        if total > budget:
            break
        if messages[index].role is Role.USER:
            first = index
    return first


def newest_within(sizes: Sequence[int], budget: int) -> int:
    """Return how many of the newest fit into `budget`.

    >>> newest_within([5, 3, 4], 8)
    2
    """
    total = 0
    for count, size in enumerate(reversed(sizes)):
        total += size
        if total > budget:
            return count
    return len(sizes)


def check_question(tokens: int, head: int, room: int) -> None:
    """Refuse a system text, or a question, that doesn't fit by itself: ContextLengthExceeded with counts."""
    if head >= room:
        raise ContextLengthExceeded(
            f"the system text and its frame take {head} tokens; {room} are free for the whole prompt",
            hint="shorten the system text, or raise `context_length` if the model allows more",
            param="system",
        )
    if tokens > room - head:
        raise ContextLengthExceeded(
            f"this message takes {tokens} tokens; {room - head} are free for it",
            hint="shorten it, attach less, or raise `context_length` if the model allows more",
        )


class Given(msgspec.Struct, frozen=True):
    """What a model is given of a branch: what a receipt is made of.

    `included` is word for word; what else was said is in `digest`, or nowhere when there is none.
    `empty` are replies in which nothing was said; `notes` say what else there is to know.
    """

    included: tuple[str, ...]
    empty: frozenset[str] = frozenset()
    digest: str | None = None
    recalled: frozenset[str] = frozenset()
    memories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def make_receipt(branch: Sequence[str], given: Given, *, context_length: int, prompt_tokens: int) -> Receipt:
    """Return the receipt of a prompt; each message of `branch` is in one of its three lists.

    >>> given = Given(("c",), frozenset("b"), "- A: hi")
    >>> receipt = make_receipt(["a", "b", "c"], given, context_length=512, prompt_tokens=9)
    >>> receipt.included, receipt.digested, receipt.omitted
    (('c',), ('a',), ('b',))
    >>> receipt.reason
    '1 older message is given as a digest, for a window of 512 tokens; 1 empty reply says nothing'
    """
    held = set(given.included)
    left = [message for message in branch if message not in held]
    told = [message for message in left if message not in given.empty]
    digested = tuple(told) if given.digest else ()
    omitted = (
        tuple(left) if not given.digest else tuple(message for message in left if message in given.empty)
    )
    reasons = []
    if told:
        reasons.append(_older(len(told), context_length, digested=bool(given.digest)))
    if empty := len(left) - len(told):
        reasons.append(f"{empty} empty {'reply says' if empty == 1 else 'replies say'} nothing")
    return Receipt(
        context_length=context_length,
        prompt_tokens=prompt_tokens,
        included=tuple(message for message in branch if message in held),
        digest=given.digest,
        digested=digested,
        recalled=tuple(message for message in left if message in given.recalled),
        omitted=omitted,
        reason="; ".join([*reasons, *given.notes]) or None,
        memories=given.memories,
    )


def _older(count: int, context_length: int, *, digested: bool) -> str:
    if digested:
        what = "1 older message is" if count == 1 else f"{count} older messages are"
        return f"{what} given as a digest, for a window of {context_length} tokens"
    what = "1 older message does" if count == 1 else f"{count} older messages do"
    return f"{what} not fit into the window of {context_length} tokens, nor does a digest"
