"""Models that could be fetched: a search at the hub, and the shelf of good first ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from fireside.models.search.hub_search import DETAILED
from fireside.models.search.words import MAX_LENGTH
from fireside.offers import Offers
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, shows

router = APIRouter(prefix="/fireside/v1/models", tags=["models and personas"])
Words = Annotated[str, Query(min_length=1, max_length=MAX_LENGTH)]
Limit = Annotated[int, Query(ge=1, le=DETAILED)]
Tag = Annotated[str | None, Query(pattern="^[a-z]{2,3}$")]


@router.get("/search", dependencies=[needs("models")], **shows(Offers))
async def search(app: Fireside, query: Words, fits: bool = False, limit: Limit = 10) -> Response:
    """Search the hub, which is told the words. With `fits`, what doesn't run here is left out."""
    return answer(await app.finder.search(query, fits=fits, limit=limit))


@router.get("/shelf", dependencies=[needs("chat")], **shows(Offers))
async def shelf(app: Fireside, language: Tag = None) -> Response:
    """List good first models, the one for this machine and language marked. Nobody is asked for it."""
    return answer(await app.finder.shelf(language))
