"""Models in other formats: what a conversion would make, making it, and measuring it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from fireside.app import App
from fireside.cards import ModelCard
from fireside.conversions import Plans
from fireside.converting.conversions import Conversions
from fireside.engines.built import BuiltFirst, chosen
from fireside.engines.registry import starter
from fireside.events import Progress
from fireside.messages import Value
from fireside.server.callers import needs
from fireside.server.streams import Tell, tell_progress
from fireside.server.wire import Fireside, answer, body, guard_model, shows

router = APIRouter(prefix="/fireside/v1", tags=["models and personas"])
MODELS = [needs("models")]


class Convert(Value, frozen=True):
    reference: str
    to: str
    """the format"""
    name: str | None = None


class Compare(Value, frozen=True):
    reference: str


class ConvertedTo(msgspec.Struct, tag_field="event", tag="converted", frozen=True):
    model: ModelCard


class ComparedWith(msgspec.Struct, tag_field="event", tag="compared", frozen=True):
    model: ModelCard


def conversions_of(app: App) -> Conversions:
    return Conversions(
        app.home.models,
        app.library,
        app.files,
        BuiltFirst(starter(), app.home.engines),
        lambda: chosen(app.settings, app.home.engines),
    )


@router.get("/models/conversions", dependencies=MODELS, **shows(Plans))
async def plan(
    app: Fireside,
    request: Request,
    reference: str,
    to: Annotated[list[str], Query(min_length=1, max_length=16)],
    name: str | None = None,
) -> Response:
    """Tell what conversions of a model to each format `to` would make; only its header is read."""
    guard_model(request, reference, fetches=False)
    made = conversions_of(app)
    plans = [await asyncio.to_thread(made.plan, reference, kind, name) for kind in to]
    return answer(Plans(tuple(plans)))


@router.post(
    "/models/convert", dependencies=MODELS, **shows(ConvertedTo, takes=Convert, media="text/event-stream")
)
async def convert(app: Fireside, request: Request, wanted: Annotated[Convert, body(Convert)]) -> Response:
    """Convert a model that is here to another format: `progress` (bytes), then `converted` or `failed`.

    Leaving ends it, and nothing of it is left. One that was made before is told at once.
    """
    guard_model(request, wanted.reference, fetches=False)
    made = conversions_of(app)
    await asyncio.to_thread(made.plan, wanted.reference, wanted.to, wanted.name)

    async def work(tell: Tell) -> ConvertedTo:
        reference = await made.convert(
            wanted.reference,
            wanted.to,
            wanted.name,
            lambda done, total: tell(Progress("converting", done, total, "bytes")),
        )
        return ConvertedTo(await asyncio.to_thread(app.catalogue.card, reference))

    return tell_progress(work)


@router.post(
    "/models/compare", dependencies=MODELS, **shows(ComparedWith, takes=Compare, media="text/event-stream")
)
async def compare(app: Fireside, request: Request, wanted: Annotated[Compare, body(Compare)]) -> Response:
    """Measure a converted model beside its original: `progress` (shares), then `compared` or `failed`.

    What was found stays with the model, in `conversion.measured`.
    """
    guard_model(request, wanted.reference, fetches=False)

    async def work(tell: Tell) -> ComparedWith:
        made = conversions_of(app)
        await made.measure(wanted.reference, lambda share: tell(Progress("comparing", share, 1.0, "share")))
        return ComparedWith(await asyncio.to_thread(app.catalogue.card, wanted.reference))

    return tell_progress(work)
