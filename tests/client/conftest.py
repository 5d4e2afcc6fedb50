"""A home in which the tests of this room start servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fireside.settings import Home
from starting import moved_home


@pytest.fixture
def home(tmp_path: Path, smollm2: Path) -> Iterator[Home]:
    """A new home without a server; whichever is started in it is ended afterwards."""
    with moved_home(tmp_path / "home", smollm2) as moved:
        yield moved


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Home]:
    """One home for a module's tests, which share the server that the first of them starts."""
    with moved_home(tmp_path_factory.mktemp("home"), smollm2) as moved:
        yield moved
