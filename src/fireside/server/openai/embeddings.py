"""`POST /v1/embeddings`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta

from fireside.app import App
from fireside.errors import BadRequest
from fireside.messages import Value
from fireside.server.callers import Asking, Caller, needs
from fireside.server.embeddings import MOST_TEXTS, Text, Vectors, embedding_model, vectors_of
from fireside.server.openai.leaving import unless_left
from fireside.server.openai.requests import Count
from fireside.server.relay import leased
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[needs("chat")])

Ids = Annotated[tuple[Annotated[int, Meta(ge=0, le=2**31 - 1)], ...], Meta(min_length=1)]
Texts = Annotated[
    tuple[Annotated[str, Meta(min_length=1)] | Ids, ...], Meta(min_length=1, max_length=MOST_TEXTS)
]


class EmbeddingsRequest(Value, frozen=True, kw_only=True):
    input: str | list[Any]
    """a text, token ids, or up to 2,048 of either"""
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    """no other than the model's own"""
    user: str | None = None


Vector = tuple[float, ...] | str


class Embedding(msgspec.Struct, frozen=True):
    index: int
    embedding: Vector
    """of length 1; a text is base64 of little-endian 32-bit floats"""
    object: Literal["embedding"] = "embedding"


class EmbeddingsUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class Embeddings(msgspec.Struct, frozen=True):
    data: tuple[Embedding, ...]
    model: str
    usage: EmbeddingsUsage
    object: Literal["list"] = "list"


@router.post("/embeddings", **shows(Embeddings, takes=EmbeddingsRequest))
async def create(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[EmbeddingsRequest, body(EmbeddingsRequest)],
) -> Response:
    """Make embeddings of texts."""
    texts = texts_of(asked)
    card = await embedding_model(app, asked.model, asked.dimensions)
    vectors = await unless_left(request, _made(app, caller, card.reference, texts))
    # Millions of numbers take their time to be written.
    return await asyncio.to_thread(_answered, asked, asked.model or card.name, vectors)


def texts_of(asked: EmbeddingsRequest) -> tuple[Text, ...]:
    """Return the texts or token ids; BadRequest for anything else.

    >>> texts_of(EmbeddingsRequest(input=[1, 2])), texts_of(EmbeddingsRequest(input=["a", [3]]))
    (((1, 2),), ('a', (3,)))
    """
    given = asked.input
    whole = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    try:
        texts: tuple[Text, ...] = msgspec.convert(whole, type=Texts)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"input: {error}",
            hint=f"send a text, token ids, or up to {MOST_TEXTS:,} of either; none may be empty",
            param="input",
        ) from error
    return texts


async def _made(app: App, caller: Caller, reference: str, texts: tuple[Text, ...]) -> Vectors:
    async with leased(app, caller, reference, writes=False) as engine:
        limit = engine.info.context_length
        return await vectors_of(engine, texts, app.metrics, field="input", limit=limit)


def _answered(asked: EmbeddingsRequest, model: str, vectors: Vectors) -> Response:
    made: Sequence[Vector] = vectors.packed if asked.encoding_format == "base64" else vectors.floats()
    data = tuple(Embedding(index, one) for index, one in enumerate(made))
    used = EmbeddingsUsage(vectors.prompt_tokens, vectors.prompt_tokens)
    return answer(Embeddings(data, model, used))
