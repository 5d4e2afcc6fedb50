"""A real server with the small model for chat and a tiny, real one for embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import made_bert
from serving import Served, serving


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bert") / "tiny.gguf"
    path.write_bytes(made_bert.bert())
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path, tiny_bert: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("embeddings")
    with serving(home, model=f"file:{smollm2}", embedding_model=f"file:{tiny_bert}") as server:
        yield server
