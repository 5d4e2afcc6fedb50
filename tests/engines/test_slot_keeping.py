"""What is believed of an engine's answers about its slots: a scripted server says what real ones did."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from fireside.engines.llamacpp_slots import DAMAGED, SlotKeeper, Taken, state_key
from fireside.engines.protocol import Held, Notice, Origin
from fireside.engines.slots import Slots
from fireside.errors import EngineError
from fireside.memory.snapshots import Snapshots
from fireside.settings import Settings
from fireside.token_ids import packed
from scripted import a_model

ALICE, BOB = Origin("alice", "m1"), Origin("bob", "m1")
HISTORY, OTHER = tuple(range(100)), tuple(range(500, 600))


class Server:
    """Answers as llama.cpp's server does; what it says of a save can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holds: dict[int, tuple[int, ...]] = {}
        self.asked: list[str] = []
        self.n_saved: int | None = None
        self.n_restored: int | None = None
        self.failure: EngineError | None = None
        self.cuts = True

    async def __call__(self, method: str, path: str, body: bytes) -> bytes:
        self.asked.append(path)
        if self.failure:
            raise self.failure
        if path == "/completion":
            asked = json.loads(body)
            assert asked["n_predict"] == 0
            self.holds[asked["id_slot"]] = tuple(asked["prompt"]) if self.cuts else self.holds[0]
            return b"{}"
        number, _, action = path.removeprefix("/slots/").partition("?action=")
        ids = self.holds.get(int(number), ())
        name = json.loads(body)["filename"]
        if action == "save":
            header = struct.pack("4sII3i", b"qsgg", 4, len(ids) + 4, -1, 1, len(ids))
            (self.folder / name).write_bytes(header + packed(ids) + bytes(2000))
            return self.told(n_saved=len(ids) if self.n_saved is None else self.n_saved, n_written=3000)
        assert (self.folder / name).is_file()
        return self.told(n_restored=len(HISTORY) if self.n_restored is None else self.n_restored)

    def told(self, **numbers: int) -> bytes:
        return json.dumps(numbers).encode()


@pytest.fixture
def vault(tmp_path: Path) -> Snapshots:
    return Snapshots.open(tmp_path / "snapshots", 1 << 20)


@pytest.fixture
def server(vault: Snapshots) -> Server:
    return Server(vault.folder)


@pytest.fixture
def keeper(server: Server, vault: Snapshots) -> SlotKeeper:
    return SlotKeeper(server, Slots(1, cuttable=True), key="k", model="m", vault=vault)


async def used(keeper: SlotKeeper, server: Server, ids: tuple[int, ...], origin: Origin | None) -> Taken:
    """Let a prompt take the slot and leave its ids there."""
    taken = await keeper.take(ids, origin)
    server.holds[0] = ids
    keeper.give_back(0, ids, taken.origin)
    return taken


async def test_what_was_saved_is_restored(keeper: SlotKeeper, server: Server, vault: Snapshots) -> None:
    await used(keeper, server, HISTORY, ALICE)
    await keeper.save()
    assert [one.tokens for one in vault.of("alice")] == [100]
    await used(keeper, server, OTHER, BOB)
    taken = await used(keeper, server, (*HISTORY, 7), ALICE)
    assert taken.reusable == 100
    assert server.asked[-1] == "/slots/0?action=restore"


@pytest.mark.parametrize("n_saved", [0, 40])
async def test_a_save_of_another_number_of_tokens_is_not_kept(
    keeper: SlotKeeper, server: Server, vault: Snapshots, n_saved: int
) -> None:
    await used(keeper, server, HISTORY, ALICE)
    server.n_saved = n_saved
    await keeper.save()
    assert [*vault.folder.iterdir()] == []


async def test_a_slot_that_turns_out_to_hold_something_else_is_not_saved_as_what_it_should_hold(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, HISTORY, ALICE)
    server.holds[0] = OTHER
    await keeper.save()
    assert [*vault.folder.iterdir()] == []
    assert keeper.held() == ()


async def test_a_full_disk_costs_the_snapshot_and_not_the_turn(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, HISTORY, ALICE)
    server.failure = EngineError("Unable to save slot", hint="")
    taken = await keeper.take(OTHER, BOB)
    assert taken.slot is not None
    assert [*vault.folder.iterdir()] == []


async def test_a_restore_of_another_number_of_tokens_is_not_used(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, HISTORY, ALICE)
    await keeper.save()
    await used(keeper, server, OTHER, None)
    server.n_restored = 99
    taken = await keeper.take(HISTORY, ALICE)
    assert taken.reusable == 0
    assert taken.notices == (Notice(DAMAGED),)
    assert vault.of("alice") == ()


async def test_what_is_on_disk_already_is_not_written_again(keeper: SlotKeeper, server: Server) -> None:
    await used(keeper, server, HISTORY, ALICE)
    await keeper.save()
    await keeper.save()
    assert server.asked == ["/slots/0?action=save"]
    await used(keeper, server, (*HISTORY, 1, 2, 3), ALICE)
    await keeper.save("alice", new_share=0.1)
    assert len(server.asked) == 1
    await keeper.save("alice")
    assert len(server.asked) == 2


async def test_what_exceeds_the_budget_is_not_even_written(server: Server, tmp_path: Path) -> None:
    small = Snapshots.open(tmp_path / "snapshots", 1000)
    keeper = SlotKeeper(server, Slots(1, cuttable=True), key="k", model="m", vault=small)
    for origin in (ALICE, BOB):
        await used(keeper, server, HISTORY if origin is ALICE else OTHER, origin)
        await keeper.save()
    # The first save taught how large states are.
    assert len(server.asked) == 1
    assert [*small.folder.iterdir()] == []


UNSENT = Origin("alice", "m2", sent_tokens=100)
WORDS = (907, 908, 909)
"""what somebody types behind HISTORY"""


def on_disk(vault: Snapshots) -> bytes:
    return b"".join(path.read_bytes() for path in vault.folder.iterdir())


async def test_what_nobody_has_sent_is_cut_off_before_anything_is_written(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, (*HISTORY, *WORDS), UNSENT)
    assert keeper.held() == (Held(UNSENT, 100),)
    await keeper.save()
    assert server.asked == ["/completion", "/slots/0?action=save"]
    assert [one.tokens for one in vault.of("alice")] == [100]
    assert packed(WORDS) not in on_disk(vault)
    assert (await keeper.take((*HISTORY, 1), ALICE)).reusable == 100


async def test_it_is_cut_off_where_another_conversation_takes_the_slot(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, (*HISTORY, *WORDS), UNSENT)
    await used(keeper, server, OTHER, BOB)
    await keeper.settled()
    assert [one.tokens for one in vault.of("alice")] == [100]
    assert packed(WORDS) not in on_disk(vault)


async def test_an_engine_that_does_not_cut_it_off_has_its_state_thrown_away(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, (*HISTORY, *WORDS), UNSENT)
    server.cuts = False
    await keeper.save()
    assert [*vault.folder.iterdir()] == []


async def test_words_that_were_deleted_may_still_be_there_and_are_cut_off_too(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    """A prompt that the engine never began with leaves behind it what was there."""
    await used(keeper, server, (*HISTORY, *WORDS), UNSENT)
    taken = await keeper.take((*HISTORY, 1, 2), ALICE)
    keeper.give_back(0, HISTORY, taken.origin, surely=False)
    await keeper.save()
    assert [one.tokens for one in vault.of("alice")] == [100]
    assert packed(WORDS) not in on_disk(vault)


async def test_what_was_sent_after_all_is_saved_as_ever(
    keeper: SlotKeeper, server: Server, vault: Snapshots
) -> None:
    await used(keeper, server, (*HISTORY, *WORDS), UNSENT)
    await used(keeper, server, (*HISTORY, *WORDS, 1), ALICE)
    await keeper.save()
    assert server.asked == ["/slots/0?action=save"]
    assert [one.tokens for one in vault.of("alice")] == [104]


async def test_while_somebody_types_only_a_whole_save_is_made(keeper: SlotKeeper, server: Server) -> None:
    await used(keeper, server, (*HISTORY, *WORDS), UNSENT)
    await keeper.save("alice", new_share=0.1)
    assert server.asked == []
    await keeper.save("alice")
    assert server.asked == ["/completion", "/slots/0?action=save"]


async def test_words_alone_are_no_reason_to_save(keeper: SlotKeeper, server: Server) -> None:
    await used(keeper, server, HISTORY, ALICE)
    await keeper.save()
    await used(keeper, server, (*HISTORY, *range(700, 900)), UNSENT)
    await used(keeper, server, OTHER, BOB)
    assert server.asked == ["/slots/0?action=save"]


def test_a_key_changes_with_all_that_a_state_depends_on() -> None:
    def key(build: str = "1", slots: int = 2, **changes: Any) -> str:
        return state_key(a_model(**changes), Settings(slots=slots), build)

    others = (key(build="2"), key(slots=1), key(identity="other"), key(context_length=512))
    assert key() == key(path=Path("/moved.gguf"))
    assert len({key(), *others}) == 5
