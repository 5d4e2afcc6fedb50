"""Models are loaded when they are used; who knows better loads and unloads them here."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta

from fireside.cards import EngineStatus
from fireside.errors import Conflict, ModelNotFound
from fireside.messages import Value
from fireside.server.callers import Asking, needs
from fireside.server.wire import Fireside, answer, body, guard_model, shows

router = APIRouter(prefix="/fireside/v1/models", tags=["models and personas"], dependencies=[needs("models")])
FOR_EVER_S = 10 * 365 * 86_400.0


class Load(Value, frozen=True):
    reference: str
    keep_s: Annotated[float, Meta(ge=-1)] | None = None
    """how long it stays when nobody uses it: −1 is for ever, None leaves it to the settings"""


class Unload(Value, frozen=True):
    reference: str


class Unloading(msgspec.Struct, frozen=True):
    model: str
    users: int
    """it is unloaded once these have ended"""


@router.post("/load", **shows(EngineStatus, takes=Load))
async def load(
    app: Fireside, request: Request, caller: Asking, wanted: Annotated[Load, body(Load)]
) -> Response:
    """Load a model that is here, and keep it loaded; answers once it is."""
    guard_model(request, wanted.reference, fetches=False)
    file = await asyncio.to_thread(app.files.at_hand, wanted.reference)
    if file is None:
        raise ModelNotFound(
            f"{wanted.reference} isn't here yet",
            hint=f"fetch it: fireside models pull {wanted.reference}",
            param="reference",
        )
    async with app.engines.lease(file, who=caller.who):
        if wanted.keep_s is not None:
            app.engines.keep(file.reference, FOR_EVER_S if wanted.keep_s < 0 else wanted.keep_s)
    return answer(next(one for one in app.engines.statuses() if one.model == file.reference))


@router.post("/unload", **shows(Unloading, takes=Unload))
async def unload(app: Fireside, request: Request, wanted: Annotated[Unload, body(Unload)]) -> Response:
    """Unload a model: at once, or when those who use it now have ended."""
    guard_model(request, wanted.reference, fetches=False)
    reference = await asyncio.to_thread(app.catalogue.engine_reference, wanted.reference)
    loaded = [one for one in app.engines.statuses() if one.model == reference]
    if not loaded:
        raise Conflict(f"{wanted.reference} isn't loaded", hint="`fireside models` shows what is")
    app.engines.keep(reference, 0.0)
    return answer(Unloading(reference, sum(one.users for one in loaded)))
