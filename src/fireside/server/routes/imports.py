"""Models that other programs keep on this machine: found, and listed with those that were fetched.

Only for `admin`: what is found tells paths, and what is imported may be named by everybody.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response

from fireside.cards import FoundModels, ModelCard
from fireside.messages import Value
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/fireside/v1", tags=["models and personas"], dependencies=[needs("admin")])


class WantedImport(Value, frozen=True):
    reference: str


@router.get("/models/found", **shows(FoundModels))
def found(app: Fireside) -> Response:
    """List what other programs keep here, with the reason for what can't be used. Nothing is loaded."""
    return answer(app.library.found())


@router.post("/models/imported", **shows(ModelCard, 201, takes=WantedImport))
async def import_model(app: Fireside, wanted: Annotated[WantedImport, body(WantedImport)]) -> Response:
    """List a model of this machine with those that were fetched. Nothing is copied."""
    return answer(await asyncio.to_thread(app.library.import_in_place, wanted.reference), 201)


@router.delete("/models/imported", **shows(None, 204))
async def forget(app: Fireside, reference: str) -> Response:
    """List a model no longer. Its files stay as they are."""
    await asyncio.to_thread(app.library.forget_import, reference)
    return Response(status_code=204)
