"""Ids: UUIDv7, growing whatever the clock does."""

from __future__ import annotations

import uuid

import pytest

from fireside.store import ids
from fireside.store.ids import Ids


def test_an_id_is_a_version_7_uuid_that_holds_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "now_ms", lambda: 0x0190_1234_5678)
    made = uuid.UUID(Ids().new())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 0x0190_1234_5678


def test_ids_of_one_millisecond_and_of_a_clock_that_jumps_back_still_grow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([5_000] * 300 + [1] * 300 + [6_000])
    monkeypatch.setattr(ids, "now_ms", lambda: next(clock))
    source = Ids()
    made = [source.new() for _ in range(601)]
    assert made == sorted(set(made))


def test_after_a_restart_ids_go_on_from_the_greatest_stored_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Ids().new()
    monkeypatch.setattr(ids, "now_ms", lambda: 1)
    restarted = Ids()
    restarted.follow(stored)
    restarted.follow(None)
    assert restarted.new() > stored
