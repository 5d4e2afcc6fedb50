"""The vault: what is kept, for how long, and what is never believed. Any bytes stand for a state here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fireside.memory.snapshots import HALF_LIFE_S, Snapshots
from fireside.token_ids import packed

KEY = "model, build and settings"


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(tmp_path: Path, budget: int | None = 10_000, clock: Clock | None = None) -> Snapshots:
    folder = tmp_path / "snapshots"
    folder.mkdir(exist_ok=True)
    return Snapshots(folder, budget, clock=clock or Clock())


def put(vault: Snapshots, conversation: str, ids: list[int], *, size: int = 1000, key: str = KEY) -> bool:
    made = vault.folder / f"{os.urandom(4).hex()}.new"
    made.write_bytes(os.urandom(size))
    return vault.keep(made, key=key, model="m", conversation_id=conversation, message_id="q", ids=packed(ids))


def length(vault: Snapshots, ids: list[int], *, key: str = KEY, whole: bool = False) -> int:
    found = vault.longest(key, packed(ids), whole=whole)
    return found[2] if found else 0


def test_the_longest_beginning_is_found_and_only_under_its_key(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    put(vault, "b", [1, 2, 9, 9])
    assert length(vault, [1, 2, 9, 9, 5]) == 4
    assert length(vault, [1, 2, 3, 4]) == 3
    assert length(vault, [1, 2, 7]) == 2
    assert length(vault, [1, 2, 7], whole=True) == 0
    assert length(vault, [1, 2, 9, 9], key="another build") == 0


def test_it_is_all_there_again_when_it_is_opened_anew(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    again = Snapshots.open(vault.folder, 10_000)
    assert again.of("a") == vault.of("a")
    assert again.sound(again.of("a")[0].name)


def test_a_state_replaces_what_it_goes_on_from_and_leaves_other_branches(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    put(vault, "a", [1, 2, 3, 4])
    assert [one.tokens for one in vault.of("a")] == [4]
    put(vault, "a", [1, 7])
    assert sorted(one.tokens for one in vault.of("a")) == [2, 4]
    for number in range(5):
        put(vault, "a", [1, 20 + number])
    assert len(vault.of("a")) == 3
    assert len([*vault.folder.glob("*.state")]) == 3


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    known = vault.of("a")
    assert put(vault, "a", [1, 2])
    assert vault.of("a") == known


def test_the_budget_holds_and_the_least_valuable_go_first(tmp_path: Path, clock: Clock) -> None:
    vault = opened(tmp_path, 3000, clock)
    put(vault, "dense", [1, 2, 3, 4])
    put(vault, "thin", [5])
    put(vault, "other", [6, 7])
    assert put(vault, "new", [8, 9, 10])
    assert [vault.of(name) != () for name in ("dense", "thin", "other", "new")] == [True, False, True, True]
    assert vault.used_bytes == sum(path.stat().st_size for path in vault.folder.glob("*.state")) == 3000


def test_what_nobody_used_for_long_loses_its_value(tmp_path: Path, clock: Clock) -> None:
    vault = opened(tmp_path, 2000, clock)
    put(vault, "old", [1, 2, 3, 4])
    clock.now += 3 * HALF_LIFE_S
    put(vault, "young", [5, 6])
    put(vault, "new", [7, 8])
    assert vault.of("old") == ()
    assert vault.of("young") != ()


def test_using_one_makes_it_young_again(tmp_path: Path, clock: Clock) -> None:
    vault = opened(tmp_path, 2000, clock)
    put(vault, "old", [1, 2, 3, 4])
    clock.now += 3 * HALF_LIFE_S
    assert vault.sound(vault.of("old")[0].name)
    put(vault, "young", [5, 6])
    put(vault, "new", [7, 8])
    assert vault.of("old") != ()


@pytest.mark.parametrize("budget", [0, 500])
def test_what_is_larger_than_the_budget_is_not_kept(tmp_path: Path, budget: int) -> None:
    vault = opened(tmp_path, budget)
    assert not put(vault, "a", [1, 2, 3])
    assert [*vault.folder.iterdir()] == []


def test_without_a_budget_of_its_own_it_takes_a_share_of_what_is_free(tmp_path: Path) -> None:
    vault = opened(tmp_path, None)
    free = os.statvfs(tmp_path)
    assert 0 < vault.limit_bytes <= min(4 << 30, free.f_bavail * free.f_frsize)


@pytest.mark.parametrize("at", [0, 500, 999])
def test_a_flipped_byte_is_noticed_and_the_file_removed(tmp_path: Path, at: int) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    (state,) = vault.folder.glob("*.state")
    data = bytearray(state.read_bytes())
    data[at] ^= 0x10
    state.write_bytes(data)
    assert not vault.sound(vault.of("a")[0].name)
    assert vault.of("a") == ()
    assert [*vault.folder.iterdir()] == []


@pytest.mark.parametrize("harm", ["no index", "torn index", "no state", "half written"])
def test_what_is_not_whole_is_removed_when_it_is_opened(tmp_path: Path, harm: str) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    put(vault, "b", [4, 5])
    name = vault.of("a")[0].name
    index, state = vault.folder / f"{name}.index", vault.folder / f"{name}.state"
    if harm == "no index":
        index.unlink()
    elif harm == "torn index":
        index.write_bytes(index.read_bytes()[:-3])
    elif harm == "no state":
        state.unlink()
    else:
        state.rename(vault.folder / "something.new")
    again = Snapshots.open(vault.folder, 10_000)
    assert again.of("a") == ()
    assert again.of("b") != ()
    assert len([*vault.folder.iterdir()]) == 2


def test_a_foreign_file_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    (vault.folder / "notes.txt").write_text("mine")
    Snapshots.open(vault.folder, 10_000)
    assert (vault.folder / "notes.txt").read_text() == "mine"


def test_a_deleted_conversation_leaves_nothing_and_nothing_of_it_comes_back(tmp_path: Path) -> None:
    deleted: set[str] = set()
    vault = opened(tmp_path)
    vault.keeps = lambda conversation: conversation not in deleted
    put(vault, "a", [1, 2, 3])
    deleted.add("a")
    vault.forget("a")
    assert not put(vault, "a", [1, 2, 3])
    assert [*vault.folder.iterdir()] == []


def test_what_was_deleted_meanwhile_is_swept_out(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    put(vault, "a", [1, 2, 3])
    put(vault, "b", [4, 5])
    again = Snapshots.open(vault.folder, 10_000, keeps=lambda conversation: conversation == "b")
    assert again.of("a") == ()
    assert again.of("b") != ()
    again.keeps = lambda conversation: False
    again.sweep()
    assert [*vault.folder.iterdir()] == []


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    vault = Snapshots.open(tmp_path / "snapshots", 10_000)
    put(vault, "a", [1, 2, 3])
    assert vault.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in vault.folder.iterdir()} == {0o600}


def test_of_states_that_share_as_much_the_smallest_is_taken(tmp_path: Path) -> None:
    vault = opened(tmp_path)
    put(vault, "long", [1, 2, 3, 4], size=3000)
    put(vault, "short", [1, 2, 9], size=500)
    found = vault.longest(KEY, packed([1, 2, 7]), whole=False)
    assert found is not None
    assert found[0] == vault.of("short")[0].name
