"""Embeddings by Ollama's interface: its own client, a real server, a real engine, a tiny real model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import made_bert
import ollama
from serving import Served

MODEL = "tiny-embedder:latest"
CHAT = "smollm2-135m-8k-lc100k-mix1-ep2"
"""the chat model, as its file names itself"""
CAT, DOG = "the cat", "The dog sat by the warm fire"
WORDS_THAT_FIT = made_bert.CONTEXT - 2
LONG = "the " * 100


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Any]:
    with ollama.Client(served.runtime.address, trust_env=False) as client:
        yield client


def test_texts_become_vectors_of_length_one(client: Any) -> None:
    answer = client.embed(MODEL, [CAT, DOG])
    cat, dog = answer.embeddings
    assert math.hypot(*cat) == pytest.approx(1, abs=1e-5)
    assert list(cat) != list(dog)
    assert (answer.model, answer.prompt_eval_count) == (MODEL, 13)
    assert 0 <= answer.load_duration < answer.total_duration
    assert list(cat) == pytest.approx(made_bert.by_hand([2, 5, 6, 3]), abs=1e-3)


def test_one_text_and_the_older_form_give_the_same_vector(client: Any) -> None:
    [new] = client.embed(MODEL, CAT).embeddings
    old = client.embeddings(MODEL, CAT).embedding
    assert list(new) == pytest.approx(list(old), abs=1e-6)


def test_a_text_that_is_too_long_is_cut_unless_that_is_forbidden(client: Any) -> None:
    cut = client.embed(MODEL, LONG)
    [whole] = client.embed(MODEL, "the " * WORDS_THAT_FIT).embeddings
    assert cut.prompt_eval_count == made_bert.CONTEXT
    assert list(cut.embeddings[0]) == pytest.approx(list(whole), abs=1e-6)
    with pytest.raises(ollama.ResponseError, match="input has 102 tokens") as caught:
        client.embed(MODEL, LONG, truncate=False)
    assert caught.value.status_code == 400


def test_a_smaller_context_cuts_earlier_and_a_larger_one_is_refused(client: Any) -> None:
    assert client.embed(MODEL, LONG, options={"num_ctx": 10}).prompt_eval_count == 10
    with pytest.raises(ollama.ResponseError, match=r"options\.num_ctx") as caught:
        client.embed(MODEL, CAT, options={"num_ctx": 65})
    assert caught.value.status_code == 400


def test_without_texts_the_model_is_loaded(client: Any) -> None:
    assert list(client.embed(MODEL, []).embeddings) == []
    assert MODEL in [model.model for model in client.ps().models]


def test_keep_alive_unloads_it_after_the_answer(client: Any) -> None:
    assert client.embed(MODEL, CAT, keep_alive=0).embeddings
    assert MODEL not in [model.model for model in client.ps().models]


def test_an_embedding_model_is_described_as_one(client: Any) -> None:
    shown = client.show(MODEL)
    assert list(shown.capabilities) == ["embedding"]
    assert shown.modelinfo["bert.embedding_length"] == made_bert.WIDTH
    assert MODEL in [model.model for model in client.list().models]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/api/embed", {"model": CHAT, "input": CAT}, "Tiny Embedder"),
        ("/api/embeddings", {"model": CHAT, "prompt": CAT}, "Tiny Embedder"),
        ("/api/embed", {"model": MODEL, "input": CAT, "dimensions": 8}, "dimensions"),
        ("/api/embed", {"model": MODEL, "prompt": CAT}, "prompt"),
        ("/api/embed", {"model": MODEL, "input": ["a"] * 2049}, "2048"),
        ("/api/embed", {"model": MODEL, "input": CAT, "keep_alive": "soon"}, "keep_alive"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_done_is_refused(served: Served, path: str, body: dict[str, Any], says: str) -> None:
    response = served.http.post(path, json=body)
    assert response.status_code == 400
    assert says in response.json()["error"]
