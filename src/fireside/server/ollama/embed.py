"""`POST /api/embed`, and `POST /api/embeddings`, its older form for one text."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from fireside.app import App
from fireside.server.callers import Asking, Caller, needs
from fireside.server.embeddings import Vectors, embedding_model, vectors_of
from fireside.server.ollama.answers import Embeddings, OneEmbedding, Watch
from fireside.server.ollama.asking import Stay, context_of
from fireside.server.ollama.requests import EmbeddingsRequest, EmbedRequest, KeepAlive, Options
from fireside.server.openai.leaving import unless_left
from fireside.server.relay import leased
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/api", tags=["Ollama"], dependencies=[needs("chat")])


class _Wish(msgspec.Struct, frozen=True):
    """What is to be embedded; `field` is what the request calls it."""

    reference: str
    texts: tuple[str, ...]
    field: str
    options: Options | None
    keep_alive: KeepAlive
    truncate: bool = True


@router.post("/embed", **shows(Embeddings, takes=EmbedRequest))
async def embed(
    app: Fireside, caller: Asking, request: Request, asked: Annotated[EmbedRequest, body(EmbedRequest)]
) -> Response:
    """Make embeddings of texts. Without any, the model is loaded."""
    watch = Watch()
    given = asked.input or ()
    texts = (given,) if isinstance(given, str) else given
    card = await embedding_model(app, asked.model, asked.dimensions)
    truncate = asked.truncate is not False
    wish = _Wish(card.reference, texts, "input", asked.options, asked.keep_alive, truncate)
    vectors = await unless_left(request, _made(app, caller, wish, watch))
    # Millions of numbers take their time to be written.
    return await asyncio.to_thread(_answered, asked.model, vectors, watch)


@router.post("/embeddings", **shows(OneEmbedding, takes=EmbeddingsRequest))
async def embeddings(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[EmbeddingsRequest, body(EmbeddingsRequest)],
) -> Response:
    """Make the embedding of one text. Without one, the model is loaded."""
    card = await embedding_model(app, asked.model, None)
    texts = (asked.prompt,) if asked.prompt else ()
    wish = _Wish(card.reference, texts, "prompt", asked.options, asked.keep_alive)
    vectors = await unless_left(request, _made(app, caller, wish, Watch()))
    return answer(OneEmbedding(next(iter(vectors.floats()), ())))


async def _made(app: App, caller: Caller, wish: _Wish, watch: Watch) -> Vectors:
    stay = Stay(app, caller, wish.reference, wish.keep_alive)
    async with leased(app, caller, wish.reference, writes=False) as engine:
        watch.ready()
        await stay.settle()
        return await vectors_of(
            engine,
            wish.texts,
            app.metrics,
            field=wish.field,
            limit=context_of(wish.options, engine.info),
            truncate=wish.truncate,
        )


def _answered(model: str, vectors: Vectors, watch: Watch) -> Response:
    return answer(
        Embeddings(
            model=model,
            embeddings=vectors.floats(),
            total_duration=watch.total_ns,
            load_duration=watch.load_ns,
            prompt_eval_count=vectors.prompt_tokens,
        )
    )
