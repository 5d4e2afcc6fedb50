"""What a model is for is told by its header alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import made_bert
import made_gguf
from fireside.models.library import Library

POOLING = "bert.pooling_type"


@pytest.mark.parametrize(
    ("data", "pooling", "purpose"),
    [
        (made_bert.bert(), "mean", "embedding"),
        (made_bert.bert({POOLING: 2}), "cls", "embedding"),
        (made_bert.bert({POOLING: 0}), "mean", "embedding"),
        (made_bert.bert(without=(POOLING,)), "mean", "embedding"),
        (made_bert.bert({POOLING: 4}), "rank", "ranking"),
        (made_gguf.gguf({"llama.pooling_type": 3}), "last", "embedding"),
        (made_gguf.gguf({"llama.pooling_type": 99}), None, "chat"),
        (made_gguf.gguf({"llama.pooling_type": "mean"}), None, "chat"),
        (made_gguf.gguf(), None, "chat"),
    ],
    ids=["mean", "cls", "none", "unsaid", "rank", "last", "unknown", "no number", "writes"],
)
def test_a_header_tells_what_a_model_is_for(
    tmp_path: Path, data: bytes, pooling: str | None, purpose: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    card = Library(tmp_path / "models", {}).card(f"file:{path}")
    assert (card.pooling, card.purpose) == (pooling, purpose)


def test_an_embedding_model_tells_how_many_numbers_it_makes(tmp_path: Path) -> None:
    paths = [tmp_path / "bert.gguf", tmp_path / "llama.gguf"]
    for path, data in zip(paths, (made_bert.bert(), made_gguf.gguf()), strict=True):
        path.write_bytes(data)
    library = Library(tmp_path / "models", {})
    lengths = [library.card(f"file:{path}").embedding_length for path in paths]
    assert lengths == [made_bert.WIDTH, None]
