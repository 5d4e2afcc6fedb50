"""The setting that names an embedding model: what is wrong with it harms only embeddings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import made_bert
from fireside.settings import Settings
from visiting import OWNER, Place

CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
async def place_with(tmp_path: Path, smollm2: Path) -> AsyncIterator[Callable[[str | None], Place]]:
    async with AsyncExitStack() as opened:

        def opening(embedding_model: str | None) -> Place:
            settings = Settings(model=f"file:{smollm2}", embedding_model=embedding_model)
            place = Place(tmp_path, settings, opened)
            opened.push_async_callback(place.app.aclose)
            return place

        yield opening


async def test_without_one_the_refusal_names_the_setting(
    place_with: Callable[[str | None], Place],
) -> None:
    response = await place_with(None).here.post("/v1/embeddings", json={"input": "Hi"})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "no_embeddings", "model")
    assert "embedding_model" in error["hint"]


@pytest.mark.parametrize(("damaged", "status"), [(False, 404), (True, 422)])
async def test_a_missing_or_damaged_one_harms_no_chat(
    place_with: Callable[[str | None], Place], tmp_path: Path, damaged: bool, status: int
) -> None:
    path = tmp_path / "embedder.gguf"
    if damaged:
        path.write_bytes(b"GGUF, but not for long")
    here = place_with(f"file:{path}").here
    listed = await here.get("/v1/models")
    assert len(listed.json()["data"]) == 1
    assert (await here.post("/v1/chat/completions", json=CHAT)).status_code == 200
    assert (await here.post("/v1/embeddings", json={"input": "Hi"})).status_code == status


async def test_a_model_that_ranks_neither_writes_nor_embeds(
    place_with: Callable[[str | None], Place], tmp_path: Path
) -> None:
    path = tmp_path / "ranker.gguf"
    path.write_bytes(made_bert.bert({"bert.pooling_type": 4}))
    here = place_with(f"file:{path}").here
    refused = await here.post("/v1/embeddings", json={"input": "Hi"})
    assert refused.json()["error"]["code"] == "no_embeddings"
    refused = await here.post("/v1/chat/completions", json={"model": "Tiny Embedder", **CHAT})
    assert refused.json()["error"]["code"] == "no_chat"


async def test_it_may_be_looked_at_without_being_the_owner(
    place_with: Callable[[str | None], Place], tmp_path: Path
) -> None:
    path = tmp_path / "embedder.gguf"
    path.write_bytes(made_bert.bert())
    place = place_with(f"file:{path}")
    show = "/fireside/v1/models/show"
    known = await place.here.get(show, params={"reference": f"file:{path}"})
    assert (known.status_code, known.json()["purpose"]) == (200, "embedding")
    other = f"file:{tmp_path / 'other.gguf'}"
    assert (await place.here.get(show, params={"reference": other})).status_code == 403
    assert (await place.here.get(show, params={"reference": other}, headers=OWNER)).status_code == 404
