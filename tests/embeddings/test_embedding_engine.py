"""The engine with a model that makes embeddings: how much it reads at once, and what it refuses."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

import made_bert
from fireside.cards import Pooling
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import ModelFile
from fireside.errors import ContextLengthExceeded
from fireside.server.relay import looked_up
from fireside.settings import Settings

MORE_THAN_A_BATCH = "word " * 300


@asynccontextmanager
async def loaded(path: Path, pooling: Pooling, context_length: int) -> AsyncIterator[LlamaCppEngine]:
    model = ModelFile(f"file:{path}", path, "tested", context_length, has_template=False, pooling=pooling)
    engine = await start(model, Settings(threads=1, prompt_threads=1))
    try:
        yield engine
    finally:
        await engine.aclose()


async def embed(engine: LlamaCppEngine, *texts: str) -> list[bytes]:
    sent = msgspec.json.encode({"input": texts, "encoding_format": "base64"})
    answer = msgspec.json.decode(await looked_up(engine, "/v1/embeddings", sent))
    return [base64.b64decode(one["embedding"]) for one in answer["data"]]


async def test_the_last_tokens_vector_needs_no_text_read_whole(smollm2: Path) -> None:
    async with loaded(smollm2, "last", 512) as engine:
        [long] = await embed(engine, MORE_THAN_A_BATCH)
        [again] = await embed(engine, MORE_THAN_A_BATCH)
    assert len(long) == 576 * 4
    assert long == again


async def test_a_mean_is_of_a_whole_text(smollm2: Path) -> None:
    async with loaded(smollm2, "mean", 512) as engine:
        [vector] = await embed(engine, MORE_THAN_A_BATCH)
    assert len(vector) == 576 * 4


async def test_the_engines_own_refusal_of_a_long_text_is_the_callers_fault(tiny_bert: Path) -> None:
    async with loaded(tiny_bert, "mean", made_bert.CONTEXT) as engine:
        with pytest.raises(ContextLengthExceeded, match=r"102 tokens.*64"):
            await embed(engine, "the " * 100)
        [vector] = await embed(engine, "the cat")
    assert len(vector) == made_bert.WIDTH * 4


async def test_ids_of_a_whole_text_have_what_the_model_wants_around_it(tiny_bert: Path) -> None:
    async with loaded(tiny_bert, "mean", made_bert.CONTEXT) as engine:
        assert await engine.tokenize("the cat", special=True) == (5, 6)
        assert await engine.tokenize("the cat", special=True, whole=True) == (2, 5, 6, 3)
