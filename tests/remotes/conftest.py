"""Fixtures: llama.cpp's own server as it runs elsewhere, with the small model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llama_server import llama_server


@pytest.fixture(scope="session")
def elsewhere(smollm2: Path) -> Iterator[str]:
    """Give the address of a real server with four slots."""
    with llama_server(smollm2, slots=4) as url:
        yield url
