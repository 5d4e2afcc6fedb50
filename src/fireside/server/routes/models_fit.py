"""Which models fit this machine, and how fast they are; and measuring it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from fireside.app import App
from fireside.cards import ModelCard
from fireside.errors import BadRequest, FiresideError
from fireside.events import Progress
from fireside.fitting import told
from fireside.predictions import Fits
from fireside.server.callers import Asking, Caller, needs
from fireside.server.streams import Tell, tell_progress
from fireside.server.wire import Fireside, answer, guard_model, shows

router = APIRouter(prefix="/fireside/v1", tags=["models and personas"])


class Measured(msgspec.Struct, tag_field="event", tag="measured", frozen=True):
    """The machine was measured, now or before."""


@router.get("/models/fit", dependencies=[needs("chat")], **shows(Fits))
async def fit(
    app: Fireside,
    request: Request,
    caller: Asking,
    reference: Annotated[list[str] | None, Query()] = None,
    context: Annotated[int | None, Query(ge=256)] = None,
) -> Response:
    """Tell of each `reference` whether it fits and how fast it is, by default of all that are known.

    `context` is the tokens of one conversation. Nothing is loaded or fetched; a source is asked about a
    model that isn't here, for those who may fetch it.
    """
    cards = [await _card(app, request, caller, named) for named in reference or ()]
    return answer(await asyncio.to_thread(_fits, app, cards, context))


async def _card(app: App, request: Request, caller: Caller, reference: str) -> ModelCard:
    guard_model(request, reference, fetches=False)
    if "models" in caller.scopes:
        card = await app.catalogue.look_up(reference)
    else:
        card = await asyncio.to_thread(app.catalogue.card, reference)
    if card.place == "elsewhere":
        raise BadRequest(
            f"{card.name} runs elsewhere, at its own speed",
            hint="name a model of this machine",
            param="reference",
        )
    return card


def _fits(app: App, named: Sequence[ModelCard], context: int | None) -> Fits:
    """Return what is predicted: of all models those that are sound, of named ones each, or an error."""
    predicted = app.fitting.predictor(context)
    fits = []
    for card in named or _known(app):
        with contextlib.nullcontext() if named else contextlib.suppress(FiresideError):
            fits.append(told(card, predicted(card)))
    return Fits(tuple(fits), app.fitting.is_measured, app.fitting.was_busy)


def _known(app: App) -> list[ModelCard]:
    cards = {card.reference: card for card in (*app.catalogue.cards(), *app.library.known())}
    return [card for card in cards.values() if card.place == "here" and card.problem is None]


@router.post("/models/measure", dependencies=[needs("models")], **shows(Measured, media="text/event-stream"))
async def measure(app: Fireside) -> Response:
    """Measure this machine, unless that was done: `progress` (shares), then `measured` or `failed`.

    It takes ten to twenty seconds, and gives way to whoever talks with a model meanwhile.
    """

    async def work(tell: Tell) -> Measured:
        await app.fitting.measure(lambda share: tell(Progress("measuring", share, 1.0, "share")))
        return Measured()

    return tell_progress(work)
