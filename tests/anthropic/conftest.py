"""A real server with the real small model, and Anthropic's own client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anthropic import Anthropic
from serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("anthropic"), model=f"file:{smollm2}") as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Anthropic]:
    """The official client, which refuses any answer that isn't as documented."""
    with Anthropic(
        base_url=served.runtime.address,
        api_key="none",
        max_retries=0,
        timeout=60,
        _strict_response_validation=True,
    ) as client:
        yield client
