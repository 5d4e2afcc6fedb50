"""Fixtures for tests of turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talk import MakeTalk


@pytest.fixture
def make_talk() -> Iterator[MakeTalk]:
    make = MakeTalk()
    yield make
    for store in make.stores:
        store.close()
