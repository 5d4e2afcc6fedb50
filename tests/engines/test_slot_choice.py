"""Which slot a prompt is given: where most was read, and where least is lost."""

from __future__ import annotations

from fireside.engines.protocol import Held, Origin
from fireside.engines.slots import Slots
from fireside.token_ids import packed

ALICE, BOB, CAROL = (Origin(name, "m") for name in ("alice", "bob", "carol"))


def ids(*runs: tuple[int, int]) -> bytes:
    """Return runs of (a number, how many of it)."""
    return packed([number for number, count in runs for _ in range(count)])


def holding(*held: tuple[bytes, Origin | None], cuttable: bool = True) -> Slots:
    slots = Slots(len(held), cuttable=cuttable)
    for slot, (content, origin) in zip(slots.all, held, strict=True):
        if content:
            slot.hold(content, origin)
            slots.use(slot)
    return slots


def chosen(
    slots: Slots, prompt: bytes, origin: Origin | None = None, saved: int = 0
) -> tuple[int, bool, bool]:
    """Return the slot's number, whether a snapshot is restored, and whether another slot is copied."""
    choice = slots.choose(slots.free(), prompt, origin, saved)
    assert choice is not None
    return choice.slot.number, choice.restore, choice.copied is not None


def test_a_conversation_goes_on_where_it_was() -> None:
    slots = holding((ids((1, 500)), ALICE), (ids((2, 500)), BOB))
    assert chosen(slots, ids((1, 500), (3, 20)), ALICE) == (0, False, False)
    assert chosen(slots, ids((2, 500), (3, 20)), BOB) == (1, False, False)


def test_a_new_one_gets_an_empty_slot_else_the_one_unused_longest() -> None:
    assert chosen(holding((ids((1, 500)), ALICE), (b"", None)), ids((9, 50)), CAROL)[0] == 1
    slots = holding((ids((1, 500)), ALICE), (ids((2, 500)), BOB))
    assert chosen(slots, ids((9, 50)), CAROL)[0] == 0
    slots.use(slots.all[0])
    assert chosen(slots, ids((9, 50)), CAROL)[0] == 1


def test_a_shared_head_is_copied_and_what_has_it_stays() -> None:
    slots = holding((ids((7, 200), (1, 500)), ALICE), (b"", None))
    assert chosen(slots, ids((7, 200), (2, 50)), BOB) == (1, False, True)


def test_a_short_head_is_read_anew_sooner_than_a_long_state_is_copied() -> None:
    slots = holding((ids((7, 100), (1, 6000)), ALICE), (b"", None))
    assert chosen(slots, ids((7, 100), (2, 50)), BOB) == (1, False, False)


def test_a_small_branch_replaces_its_sibling_and_a_large_one_does_not() -> None:
    slots = holding((ids((1, 900)), ALICE), (b"", None))
    assert chosen(slots, ids((1, 800), (2, 50)), ALICE) == (0, False, False)
    assert chosen(slots, ids((1, 300), (2, 50)), ALICE) == (1, False, True)


def test_no_slot_is_robbed_for_a_copy_that_saves_less() -> None:
    slots = holding((ids((1, 1000)), ALICE), (ids((2, 3000)), BOB))
    assert chosen(slots, ids((1, 300), (3, 50)), ALICE) == (0, False, False)


def test_a_longer_snapshot_is_restored_where_it_is_missed_least() -> None:
    slots = holding((ids((2, 500)), BOB), (ids((1, 100)), ALICE))
    assert chosen(slots, ids((1, 900)), ALICE, saved=800) == (1, True, False)
    slots = holding((ids((2, 500)), BOB), (b"", None))
    assert chosen(slots, ids((1, 900)), ALICE, saved=800) == (1, True, False)


def test_a_busy_slot_is_never_taken() -> None:
    slots = holding((ids((1, 500)), ALICE), (b"", None))
    slots.all[0].busy = True
    assert chosen(slots, ids((1, 500), (2, 5)), ALICE)[0] == 1
    slots.all[1].busy = True
    assert slots.choose(slots.free(), ids((1, 5)), ALICE, 0) is None


def test_what_cannot_be_cut_is_only_reused_whole() -> None:
    slots = holding((ids((1, 500)), ALICE), (ids((1, 100)), BOB), cuttable=False)
    assert chosen(slots, ids((1, 200), (2, 50)), CAROL)[0] == 1
    assert slots.unread(ids((1, 200), (2, 50))) == 150


def test_only_what_would_be_missed_is_saved_first() -> None:
    slots = holding((ids((1, 500)), ALICE), (ids((2, 30)), BOB))
    alices, bobs = slots.all
    assert slots.worth_saving(alices, ids((9, 50)), CAROL)
    assert not slots.worth_saving(alices, ids((1, 500), (2, 50)), ALICE)
    assert not slots.worth_saving(bobs, ids((9, 50)), CAROL)
    alices.saved_tokens = 490
    assert not slots.worth_saving(alices, ids((9, 50)), CAROL)
    alices.saved_tokens = 460  # a short turn is new: it isn't read again by whoever comes back
    assert slots.worth_saving(alices, ids((9, 50)), CAROL)
    alices.hold(ids((1, 500)), Origin("alice", "m", keep=False))
    assert alices.unsaved_tokens == 0


def test_what_was_saved_counts_only_as_far_as_it_is_still_there() -> None:
    slots = holding((ids((1, 500)), ALICE))
    (slot,) = slots.all
    slot.saved_tokens = 500
    slot.hold(ids((1, 500), (2, 100)), ALICE)
    assert slot.unsaved_tokens == 100
    slot.hold(ids((1, 200), (3, 100)), ALICE)
    assert slot.unsaved_tokens == 100
    assert slots.held() == (Held(ALICE, 300),)
