"""Models and personas: list, show, pull, remove; list, show, save, remove."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from fireside.cards import ModelCard, Persona
from fireside.errors import ModelDamaged
from fireside.messages import Value
from fireside.model_files import progress_to
from fireside.personas import from_toml
from fireside.server.callers import Asking, needs
from fireside.server.paths import card_for
from fireside.server.streams import Tell, tell_progress
from fireside.server.wire import Fireside, answer, body, guard_model, shows

router = APIRouter(prefix="/fireside/v1", tags=["models and personas"])
CHAT = [needs("chat")]
MODELS = [needs("models")]


class Pull(Value, frozen=True):
    reference: str


class Pulled(msgspec.Struct, tag_field="event", tag="pulled", frozen=True):
    model: ModelCard


class Models(msgspec.Struct, frozen=True):
    models: tuple[ModelCard, ...]


class Personas(msgspec.Struct, frozen=True):
    personas: tuple[Persona, ...]


class PersonaSource(Value, frozen=True):
    toml: str


@router.get("/models", dependencies=CHAT, **shows(Models))
def listing(app: Fireside, caller: Asking) -> Response:
    """List the models that are here, and the default one. None is loaded for it."""
    return answer(Models(tuple(card_for(caller, card) for card in app.catalogue.cards())))


@router.get("/models/show", dependencies=CHAT, **shows(ModelCard))
async def show(app: Fireside, request: Request, caller: Asking, reference: str) -> Response:
    """Show one model. Its source is asked about one that isn't here, for those who may fetch it."""
    guard_model(request, reference, fetches=False)
    if "models" in caller.scopes:
        return answer(await app.catalogue.look_up(reference))
    return answer(card_for(caller, await asyncio.to_thread(app.catalogue.card, reference)))


@router.post("/models/pull", dependencies=MODELS, **shows(Pulled, takes=Pull, media="text/event-stream"))
async def pull(app: Fireside, request: Request, wanted: Annotated[Pull, body(Pull)]) -> Response:
    """Fetch a model: server-sent events tell the progress, then `pulled` or `failed`."""
    guard_model(request, wanted.reference)
    with suppress(ModelDamaged):  # a copy that broke is fetched anew
        await asyncio.to_thread(app.library.card, wanted.reference)

    async def work(tell: Tell) -> Pulled:
        await app.library.ensure(wanted.reference, progress_to(tell))
        return Pulled(await asyncio.to_thread(app.catalogue.card, wanted.reference))

    return tell_progress(work)


@router.delete("/models", dependencies=MODELS, **shows(None, 204))
async def remove(app: Fireside, request: Request, reference: str) -> Response:
    """Remove a model that was fetched. Files outside of the models' folder are never touched."""
    guard_model(request, reference, fetches=False)
    await app.catalogue.remove(reference)
    return Response(status_code=204)


@router.get("/personas", dependencies=CHAT, **shows(Personas))
def personas(app: Fireside) -> Response:
    """List the personas."""
    return answer(Personas(app.personas.list()))


@router.get("/personas/{name}", dependencies=CHAT, **shows(Persona))
def persona(app: Fireside, name: str) -> Response:
    """Show one persona."""
    return answer(app.personas.get(name))


@router.put("/personas/{name}", dependencies=CHAT, **shows(Persona, takes=PersonaSource))
def save_persona(
    app: Fireside, request: Request, name: str, wanted: Annotated[PersonaSource, body(PersonaSource)]
) -> Response:
    """Save a persona, written in TOML."""
    guard_model(request, from_toml(wanted.toml, name=name).defaults.model)
    return answer(app.personas.save(name, wanted.toml))


@router.delete("/personas/{name}", dependencies=CHAT, **shows(None, 204))
def remove_persona(app: Fireside, name: str) -> Response:
    """Remove a persona."""
    app.personas.remove(name)
    return Response(status_code=204)
