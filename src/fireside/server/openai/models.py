"""`GET /v1/models`, for OpenAI's clients and, told by their `anthropic-version`, for Anthropic's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Response

from fireside.app import App
from fireside.cards import ModelCard, Purpose
from fireside.errors import BadRequest
from fireside.messages import Place
from fireside.server.anthropic import models as anthropic
from fireside.server.callers import needs
from fireside.server.relay import reference_of
from fireside.server.wire import Fireside, answer, shows

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[needs("chat")])

AnthropicVersion = Annotated[str | None, Header(alias="anthropic-version", include_in_schema=False)]
Cursor = Annotated[str | None, Query(include_in_schema=False)]
Limit = Annotated[int | None, Query(ge=1, le=anthropic.MOST_ON_A_PAGE, include_in_schema=False)]


class ModelObject(msgspec.Struct, frozen=True):
    id: str
    created: int
    """when its file was written, in seconds since 1970; 0 for one that is fetched at its first use"""
    owned_by: str
    purpose: Purpose
    """Fireside's own: what to ask of it"""
    max_model_len: int
    """vLLM's: tokens that one conversation may hold"""
    place: Place
    """Fireside's own: where it computes"""
    object: Literal["model"] = "model"


class ModelObjects(msgspec.Struct, frozen=True):
    data: tuple[ModelObject, ...]
    object: Literal["list"] = "list"


@router.get("/models", **shows(ModelObjects))
def listing(
    app: Fireside,
    version: AnthropicVersion = None,
    limit: Limit = None,
    after_id: Cursor = None,
    before_id: Cursor = None,
    beta: Cursor = None,
) -> Response:
    """List the models that are here. None is loaded for it."""
    if version is not None:
        return answer(anthropic.page(app.catalogue.usable(), limit, after_id, before_id))
    for name, given in (("limit", limit), ("after_id", after_id), ("before_id", before_id), ("beta", beta)):
        if given is not None:
            raise BadRequest(
                f"{name}: all models are listed at once",
                hint="leave it out; pages are for clients that send `anthropic-version`",
                param=name,
            )
    return answer(ModelObjects(tuple(_shown(app, card, card.name) for card in app.catalogue.usable())))


@router.get("/models/{name:path}", **shows(ModelObject))
def show(app: Fireside, name: str, version: AnthropicVersion = None, beta: Cursor = None) -> Response:
    """Show one model."""
    card = app.catalogue.card(reference_of(app, name))
    return answer(anthropic.described(card, name) if version is not None else _shown(app, card, name))


def _shown(app: App, card: ModelCard, name: str) -> ModelObject:
    """The file's own path stays here."""
    created = 0
    if card.path is not None and card.installed:
        created = int(Path(card.path).stat().st_mtime)
    return ModelObject(name, created, "fireside", card.purpose, app.files.window(card), card.place)
