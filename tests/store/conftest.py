"""A store in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fireside.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fireside.db"


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def store(path: Path, backups: Path) -> Iterator[Store]:
    store = Store.open(path, backups)
    yield store
    store.close()
