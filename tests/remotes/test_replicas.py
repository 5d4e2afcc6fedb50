"""Which replica is asked: affinity, loads, and replicas that rest."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from fireside.remotes.replicas import LONGEST_REST_S, ROOM, Replicas

ADDRESSES = ["http://a/v1", "http://b/v1", "http://c/v1", "http://d/v1"]
keys = st.text(max_size=40)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(keys)
def test_a_conversation_stays_with_its_replica_whatever_the_order_of_the_settings(key: str) -> None:
    assert Replicas(ADDRESSES).choose(key) == Replicas(ADDRESSES[::-1]).choose(key)


@given(keys)
def test_when_a_replica_goes_only_its_own_conversations_move_and_they_come_back(key: str) -> None:
    clock = Clock()
    replicas = Replicas(ADDRESSES, clock)
    before = replicas.choose(key)
    replicas.failed("http://b/v1")
    during = replicas.choose(key)
    assert during != "http://b/v1"
    assert before in ("http://b/v1", during)
    clock.now += LONGEST_REST_S
    assert replicas.choose(key) == before


def test_conversations_are_spread_evenly() -> None:
    replicas = Replicas(ADDRESSES)
    chosen = [replicas.choose(f"conversation {number}") for number in range(4000)]
    assert all(800 < chosen.count(address) < 1200 for address in ADDRESSES)


@given(st.lists(keys, min_size=1, max_size=60))
def test_no_replica_is_given_much_more_than_its_share(asked: list[str]) -> None:
    replicas = Replicas(ADDRESSES)
    users = dict.fromkeys(ADDRESSES, 0)
    with ExitStack() as running:
        for key in asked:
            address = replicas.choose(key)
            running.enter_context(replicas.using(address))
            users[address] += 1
        most = max(ROOM, 1 + 1.25 * len(asked) / len(ADDRESSES))
        assert max(users.values()) <= most


def test_what_was_too_much_comes_home_when_there_is_room_again() -> None:
    replicas = Replicas(ADDRESSES)
    home = replicas.choose("chat")
    with ExitStack() as running:
        for _ in range(ROOM):
            running.enter_context(replicas.using(home))
        assert replicas.choose("chat") == replicas.ranked("chat")[1]
    assert replicas.choose("chat") == home


def test_a_replica_that_fails_again_rests_for_longer_and_one_that_works_is_trusted_at_once() -> None:
    clock = Clock()
    replicas = Replicas(["one", "two"], clock)
    home = replicas.choose("chat")
    rests = []
    for _ in range(8):
        replicas.failed(home)
        begun = clock.now
        while replicas.choose("chat") != home:
            clock.now += 0.5
        rests.append(clock.now - begun)
    assert rests == sorted(rests)
    assert rests[0] == 1.0
    assert rests[-1] == LONGEST_REST_S
    replicas.failed(home)
    replicas.worked(home)
    assert replicas.choose("chat") == home


def test_where_all_rest_the_one_that_rested_longest_is_tried() -> None:
    clock = Clock()
    replicas = Replicas(["one", "two"], clock)
    replicas.failed("one")
    clock.now += 0.25
    replicas.failed("two")
    assert replicas.choose("chat") == "one"
    assert replicas.choose("chat", without=["one"]) == "two"
    assert replicas.choose("chat", without=["one", "two"]) == "one"
