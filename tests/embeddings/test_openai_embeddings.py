"""Embeddings by OpenAI's interface: the official client, a real server, a real engine, a tiny real model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import httpx
import pydantic
import pytest

import made_bert
import openai
from serving import Served, wait_for

MODEL = "Tiny Embedder"
CHAT = "Smollm2 135M 8k Lc100K Mix1 Ep2"
"""the chat model, as its file names itself"""
CAT, CAT_IDS = "the cat", [2, 5, 6, 3]
DOG, DOG_IDS = "The dog sat by the warm fire", [2, 5, 7, 9, 10, 5, 11, 8, 3]
LONG = "the " * made_bert.CONTEXT
"""as many words as the model reads tokens; two more stand around every text"""


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    direct: Any = httpx.Client(trust_env=False)
    with openai.OpenAI(
        base_url=f"{served.runtime.address}/v1",
        api_key="none",
        max_retries=0,
        timeout=60,
        http_client=direct,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def usual(client: openai.OpenAI) -> openai.OpenAI:
    """The client as people use it: it asks for base64, which its own strictness doesn't know."""
    return client.copy(_extra_kwargs={"_strict_response_validation": False})


def vectors(answer: Any) -> list[list[float]]:
    assert [one.index for one in answer.data] == list(range(len(answer.data)))
    return [one.embedding for one in answer.data]


def near(one: list[float], tolerance: float = 1e-6) -> Any:
    return pytest.approx(one, abs=tolerance)


def test_an_embedding_is_what_the_models_weights_make_of_the_text(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model=MODEL, input=[CAT, DOG], encoding_format="float")
    cat, dog = vectors(answer)
    # The engine looks its GELU up in a table of halves.
    assert cat == near(made_bert.by_hand(CAT_IDS), 1e-3)
    assert dog == near(made_bert.by_hand(DOG_IDS), 1e-3)
    assert answer.model == MODEL
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (13, 13)


def test_an_embedding_has_length_one_and_differs_from_others(usual: openai.OpenAI) -> None:
    cat, dog = vectors(usual.embeddings.create(model=MODEL, input=[CAT, DOG]))
    assert math.hypot(*cat) == pytest.approx(1, abs=1e-5)
    assert sum(a * b for a, b in zip(cat, dog, strict=True)) < 0.99


def test_base64_holds_the_same_numbers(client: openai.OpenAI, usual: openai.OpenAI, served: Served) -> None:
    [unpacked] = vectors(usual.embeddings.create(model=MODEL, input=CAT))
    [plain] = vectors(client.embeddings.create(model=MODEL, input=CAT, encoding_format="float"))
    assert unpacked == near(plain)
    body = {"model": MODEL, "input": CAT, "encoding_format": "base64"}
    packed = served.http.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    assert isinstance(packed, str)


def test_token_ids_are_taken_as_they_are(usual: openai.OpenAI) -> None:
    [text] = vectors(usual.embeddings.create(model=MODEL, input=CAT))
    [ids] = vectors(usual.embeddings.create(model=MODEL, input=CAT_IDS))
    several = vectors(usual.embeddings.create(model=MODEL, input=[DOG_IDS, CAT_IDS]))
    assert ids == near(text)
    assert several[1] == near(text)


def test_many_texts_come_back_in_their_order(usual: openai.OpenAI) -> None:
    texts = [f"{DOG} {one} {other}" for one in "abcdefgh" for other in "stuvwxyz"]
    together = vectors(usual.embeddings.create(model=MODEL, input=texts))
    assert len({tuple(one) for one in together}) == len(texts)
    for place in (0, 17, 63):
        [alone] = vectors(usual.embeddings.create(model=MODEL, input=texts[place]))
        assert together[place] == near(alone, 1e-5)


def test_the_models_own_number_of_dimensions_may_be_asked_for(usual: openai.OpenAI) -> None:
    answer = usual.embeddings.create(model=MODEL, input=CAT, dimensions=made_bert.WIDTH, user="anna")
    assert len(answer.data[0].embedding) == made_bert.WIDTH


@pytest.mark.parametrize("name", ["fireside", "tiny-embedder:latest"])
def test_the_embedding_model_answers_to_its_names(usual: openai.OpenAI, name: str) -> None:
    assert usual.embeddings.create(model=name, input=CAT).model == name


@pytest.mark.parametrize(
    ("body", "code", "field", "says"),
    [
        ({"input": LONG}, "context_length_exceeded", "input", "66 tokens"),
        ({"input": [CAT, LONG]}, "context_length_exceeded", "input", "input[1] has 66 tokens"),
        ({"input": [5] * 65}, "context_length_exceeded", "input", "65 tokens"),
        ({"input": "a" * 5000}, "context_length_exceeded", "input", "5,000 characters"),
        ({"input": ""}, "invalid_request", "input", "length >= 1"),
        ({"input": []}, "invalid_request", "input", "length >= 1"),
        ({"input": [[]]}, "invalid_request", "input", "length >= 1"),
        ({"input": [CAT, None]}, "invalid_request", "input", "null"),
        ({"input": ["a"] * 2049}, "invalid_request", "input", "2048"),
        ({"input": [[9999]]}, "invalid_request", None, "invalid tokens"),
        ({"input": CAT, "dimensions": 8}, "invalid_request", "dimensions", "32"),
        ({"input": CAT, "encoding_format": "hex"}, "invalid_request", "encoding_format", "hex"),
        ({"input": CAT, "truncate": True}, "invalid_request", "truncate", "truncate"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_embedded_is_refused_by_its_field(
    served: Served, body: dict[str, Any], code: str, field: str | None, says: str
) -> None:
    response = served.http.post("/v1/embeddings", json={"model": MODEL, **body})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, field)
    assert says in error["message"]


def test_a_model_that_writes_makes_no_embeddings(usual: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        usual.embeddings.create(model=CHAT, input=CAT)
    assert (caught.value.code, caught.value.param) == ("no_embeddings", "model")
    assert MODEL in str(caught.value.body)


TURNS = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": TURNS}),
        ("/v1/chat/completions", {"messages": TURNS, "stream": True}),
        ("/v1/completions", {"prompt": "Hi"}),
        ("/v1/responses", {"input": "Hi"}),
        ("/v1/messages", {"messages": TURNS, "max_tokens": 5}),
        ("/v1/messages/count_tokens", {"messages": TURNS}),
        ("/api/chat", {"messages": TURNS}),
        ("/api/generate", {"prompt": "Hi"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "stream" if "stream" in value else "",
)
def test_an_embedding_model_does_not_write(served: Served, path: str, body: dict[str, Any]) -> None:
    response = served.http.post(path, json={"model": MODEL, **body})
    assert response.status_code == 400
    assert "can't write" in response.text
    assert "/v1/embeddings" in response.text


def test_a_conversation_with_an_embedding_model_is_refused(served: Served) -> None:
    conversation = served.new_conversation()
    body = {"text": "Hi", "model": f"file:{served.get('/models')['models'][1]['path']}"}
    error = served.post(f"/conversations/{conversation}/messages", body, status=400)["error"]
    assert (error["code"], error["param"]) == ("no_chat", "model")


def test_listings_say_what_a_model_is_for(client: openai.OpenAI, served: Served) -> None:
    purposes = {model.id: model.to_dict()["purpose"] for model in client.models.list()}
    assert purposes == {CHAT: "chat", MODEL: "embedding"}
    cards = {card["name"]: card for card in served.get("/models")["models"]}
    tiny = cards[MODEL]
    assert (tiny["purpose"], tiny["pooling"], tiny["embedding_length"]) == ("embedding", "mean", 32)


def tokens_read(served: Served) -> float:
    """Return how many tokens of prompts were counted, of requests that came to their end."""
    lines = served.http.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("fireside_prompt_tokens_total")).split()[1])


def users(served: Served) -> int:
    return sum(engine["users"] for engine in served.get("/status")["engines"])


def test_leaving_frees_the_engine(served: Served) -> None:
    before = tokens_read(served)
    texts = {"model": MODEL, "input": [f"{DOG} {LONG[:200]}"] * 2048}
    with (
        httpx.Client(base_url=served.runtime.address, trust_env=False, timeout=0.3) as impatient,
        pytest.raises(httpx.ReadTimeout),
    ):
        impatient.post("/v1/embeddings", json=texts)
    wait_for(lambda: users(served) == 0, "the place is free", patience_s=5)
    assert tokens_read(served) == before
    assert served.http.post("/v1/embeddings", json={"model": MODEL, "input": CAT}).status_code == 200


def test_embeddings_are_counted(served: Served) -> None:
    before = tokens_read(served)
    served.http.post("/v1/embeddings", json={"model": MODEL, "input": CAT})
    assert tokens_read(served) == before + len(CAT_IDS)


@pytest.mark.filterwarnings("ignore")
def test_langchain_embeds_documents_and_a_query(served: Served) -> None:
    from langchain_openai import OpenAIEmbeddings

    with httpx.Client(trust_env=False) as http:
        model = OpenAIEmbeddings(
            base_url=f"{served.runtime.address}/v1",
            api_key=pydantic.SecretStr("none"),
            model=MODEL,
            check_embedding_ctx_length=False,  # otherwise it sends the token ids of OpenAI's own models
            http_client=http,
        )
        cat, dog = model.embed_documents([CAT, DOG])
        query = model.embed_query(DOG)
    assert dog == near(query, 1e-5)
    assert cat != dog
