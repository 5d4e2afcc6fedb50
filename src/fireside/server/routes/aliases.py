"""Models of one's own making: shown, made, changed. They are listed and removed like other models."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response

from fireside.aliases import Alias
from fireside.cards import ModelCard
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, body, guard_file, guard_model, shows

router = APIRouter(prefix="/fireside/v1/models", tags=["models and personas"])


@router.get("/aliases/{name}", dependencies=[needs("models")], **shows(Alias))
def alias(app: Fireside, name: str) -> Response:
    """Show what a name stands for."""
    return answer(app.library.made.get(name.lower()))


@router.put("/aliases/{name}", dependencies=[needs("models")], **shows(ModelCard, takes=Alias))
async def make(app: Fireside, request: Request, name: str, wanted: Annotated[Alias, body(Alias)]) -> Response:
    """Give a model a name, and change what is different about it. No model is fetched or loaded for it."""
    guard_model(request, wanted.model, fetches=False)
    if wanted.adapters or wanted.projector:
        guard_file(request)
    card = await asyncio.to_thread(app.library.made.save, name.lower(), wanted)
    app.engines.keep(card.reference, 0.0)  # what is loaded is what it was before
    return answer(card)
