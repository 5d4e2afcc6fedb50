"""`GET /v1/models`, and `POST /v1/embeddings`, which needs a model of another kind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Response

from fireside.cards import ModelCard
from fireside.errors import NoEmbeddings
from fireside.messages import Value
from fireside.server.callers import needs
from fireside.server.openai.requests import Count
from fireside.server.relay import reference_of
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[needs("chat")])


class ModelObject(msgspec.Struct, frozen=True):
    id: str
    created: int
    """when its file was written, in seconds since 1970; 0 for one that is fetched at its first use"""
    owned_by: str
    object: Literal["model"] = "model"


class ModelObjects(msgspec.Struct, frozen=True):
    data: tuple[ModelObject, ...]
    object: Literal["list"] = "list"


class EmbeddingsRequest(Value, frozen=True):
    input: str | list[Any]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    user: str | None = None


@router.get("/models", **shows(ModelObjects))
def listing(app: Fireside) -> Response:
    """List the models that are here. None is loaded for it."""
    return answer(ModelObjects(tuple(_shown(card, card.name) for card in app.models())))


@router.get("/models/{name:path}", **shows(ModelObject))
def show(app: Fireside, name: str) -> Response:
    """Show one model."""
    return answer(_shown(app.model(reference_of(app, name)), name))


@router.post("/embeddings", **shows(None, takes=EmbeddingsRequest))
async def embed(app: Fireside, asked: Annotated[EmbeddingsRequest, body(EmbeddingsRequest)]) -> Response:
    """Say that no model here makes embeddings: engines are started to talk."""
    reference = await asyncio.to_thread(reference_of, app, asked.model)
    card = await asyncio.to_thread(app.library.card, reference)
    raise NoEmbeddings(
        f"{card.name} is a model for dialogues: it makes no embeddings",
        hint="use an embedding model of another server; Fireside runs none yet",
        param="model",
    )


def _shown(card: ModelCard, name: str) -> ModelObject:
    """The file's own path stays here."""
    created = 0
    if card.path is not None and card.installed:
        created = int(Path(card.path).stat().st_mtime)
    return ModelObject(name, created, owned_by="fireside")
