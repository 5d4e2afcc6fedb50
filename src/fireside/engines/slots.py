"""Which slot of an engine holds what, and which one a prompt is given: pure code, no engine.

A prompt goes where most of it was read. Where that would throw away a good part of what another prompt
left there, a copy is made in a slot that is worth less, so that both stay: two conversations with one
persona share its head, and a branch keeps its sibling.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fireside.engines.protocol import Held, Notice, Origin
from fireside.token_ids import count, shared

WORTH_TOKENS = 64
"""From so many tokens on it is worth restoring a state, or keeping one that would be overwritten."""
WORTH_SAVING_TOKENS = 16
"""So many unsaved ones are saved before they are overwritten. A state is written whole, but a hundred
megabytes take 50 ms, and reading these anew takes longer."""
READ_PER_RESTORED = 64
"""Reading one token takes at least as long as restoring so many; measured 60 to 100 on a small model, and
more on larger ones."""
BRANCH_TOKENS = 512
"""A rest of so many tokens is kept when its own conversation goes another way."""


class Slot:
    """One sequence's place: the ids that it holds, whose they are, and how many of them are on disk."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.busy = False
        self.used = 0
        """when: a count of uses"""
        self.forgotten: set[str] = set()
        """conversations that were deleted, or parts of them, while it is busy: it may be theirs"""
        self.clear()

    def clear(self) -> None:
        self.ids = b""
        self.origin: Origin | None = None
        self.saved_tokens = 0
        self.untold: tuple[Notice, ...] = ()
        """what a person must be told with the next reply: it was noticed while nobody asked"""
        self.unsent = False
        """whether more may stand behind `ids`: what nobody has sent, or what was another's"""

    def hold(self, ids: bytes, origin: Origin | None, *, saved_tokens: int = 0, surely: bool = True) -> None:
        """Note new content; of what was saved only the beginning that is still there counts.

        Unless these are `surely` all ids, what stood behind them before may still be there.
        """
        kept = min(self.saved_tokens, shared(self.ids, ids))
        self.ids, self.origin = ids, origin
        self.saved_tokens = max(kept, saved_tokens)
        self.unsent = not surely or bool(origin and origin.sent_tokens is not None)

    def belongs_to(self, origin: Origin | None) -> bool:
        """Return whether it holds something of the same conversation."""
        return bool(origin and self.origin and origin.conversation_id == self.origin.conversation_id)

    @property
    def tokens(self) -> int:
        return count(self.ids)

    @property
    def sent_tokens(self) -> int:
        """How many of its tokens are the conversation's: of the others nothing is ever written."""
        sent = self.origin.sent_tokens if self.origin else None
        return self.tokens if sent is None else min(self.tokens, sent)

    @property
    def unsaved_tokens(self) -> int:
        """How many tokens a save would add to the disk; nothing is saved of what nobody keeps."""
        return self.sent_tokens - self.saved_tokens if self.origin and self.origin.keep else 0


def worth_restoring(used: int, whole: int) -> bool:
    """Return whether a state of `whole` tokens is restored for the sake of `used` ones.

    >>> worth_restoring(100, 1000), worth_restoring(100, 6000)
    (True, False)
    """
    return used >= WORTH_TOKENS + whole // READ_PER_RESTORED


class Choice(msgspec.Struct, frozen=True):
    """Where a prompt goes: into `slot`, after `copied`'s content was saved and read into it, or after a
    snapshot was (`restore`), or just so."""

    slot: Slot
    restore: bool = False
    copied: Slot | None = None


class Slots:
    """The slots of one engine. `cuttable` tells whether what a slot holds can be cut to any beginning."""

    def __init__(self, number: int, *, cuttable: bool) -> None:
        self.all = tuple(Slot(at) for at in range(number))
        self.cuttable = cuttable
        self._uses = 0

    def free(self) -> list[Slot]:
        return [slot for slot in self.all if not slot.busy]

    def reusable(self, slot: Slot, ids: bytes) -> int:
        """Return how many of `ids` need not be read in `slot`."""
        same = shared(slot.ids, ids)
        return same if self.cuttable or same == slot.tokens else 0

    def unread(self, ids: bytes) -> int:
        """Return how many of `ids` no slot has read."""
        return count(ids) - max((self.reusable(slot, ids) for slot in self.all), default=0)

    def choose(
        self, free: Sequence[Slot], ids: bytes, origin: Origin | None, saved: int, *, certain: bool = True
    ) -> Choice | None:
        """Return where a prompt goes when a snapshot begins it with `saved` tokens; None without a free slot.

        `certain` says that all of those can be used. Of a state that can't be cut and fits in part only, the
        engine may have a checkpoint: that is hoped for where there is nothing better.
        """
        if not free:
            return None
        best = max(free, key=lambda slot: (self.reusable(slot, ids), shared(slot.ids, ids), slot.used))
        have = self.reusable(best, ids) or (0 if certain and saved else shared(best.ids, ids))
        others = [slot for slot in free if slot is not best]
        if saved >= have + WORTH_TOKENS:
            own = not self._lost(best, ids, origin)
            return Choice(best if own and best.tokens else _oldest(free), restore=True)
        if shared(best.ids, ids) < WORTH_TOKENS and not (best.tokens and not self._lost(best, ids, origin)):
            return Choice(_oldest(free))
        lost = self._lost(best, ids, origin)
        other = _oldest(others) if others else None
        if lost and other and self._lost(other, ids, origin) < lost:
            kept = self.cuttable and best.origin and best.origin.keep
            copied = kept and worth_restoring(shared(best.ids, ids), best.tokens)
            return Choice(other, copied=best if copied else None)
        return Choice(best)

    def worth_saving(self, slot: Slot, ids: bytes, origin: Origin | None) -> bool:
        """Return whether `slot` should be saved before a prompt of `ids` takes it."""
        return slot.unsaved_tokens >= WORTH_SAVING_TOKENS and self._lost(slot, ids, origin) > 0

    def _lost(self, slot: Slot, ids: bytes, origin: Origin | None) -> int:
        """Return how many tokens `slot` would lose that somebody may come back for."""
        rest = slot.sent_tokens - shared(slot.ids, ids)
        return rest if rest >= (BRANCH_TOKENS if slot.belongs_to(origin) else WORTH_TOKENS) else 0

    def use(self, slot: Slot) -> None:
        """Count a use."""
        self._uses += 1
        slot.used = self._uses

    def held(self) -> tuple[Held, ...]:
        now = [(slot.origin, slot.sent_tokens) for slot in self.all]
        return tuple(Held(origin, tokens) for origin, tokens in now if origin)


def _oldest(slots: Sequence[Slot]) -> Slot:
    """Return the slot that is missed least: an empty one, else the one that was used longest ago."""
    return min(slots, key=lambda slot: (slot.tokens > 0, slot.used))
