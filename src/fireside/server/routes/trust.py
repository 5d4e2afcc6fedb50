"""Code that models bring: look at it, let it run, take that back. All of it is the owner's alone."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response

from fireside.cards import ModelCode
from fireside.messages import Value
from fireside.server.wire import OWNER, Fireside, answer, body, shows

router = APIRouter(prefix="/fireside/v1/models", tags=["models and personas"], dependencies=OWNER)


class Allowed(Value, frozen=True):
    """What was looked at: `digest` is of exactly the code that was shown."""

    reference: str
    digest: str


class Trusted(msgspec.Struct, frozen=True):
    references: tuple[str, ...]


@router.get("/code", **shows(ModelCode, owner=True))
async def code(app: Fireside, reference: str) -> Response:
    """Show the code that a model's folder brings and would run. Nothing is run for it."""
    return answer(await asyncio.to_thread(app.library.code, reference))


@router.put("/code", **shows(ModelCode, takes=Allowed, owner=True))
async def allow(app: Fireside, wanted: Annotated[Allowed, body(Allowed)]) -> Response:
    """Let a model run the code that was shown. Other code, or changed code, needs another answer."""
    await asyncio.to_thread(app.library.allow_code, wanted.reference, wanted.digest)
    return answer(await asyncio.to_thread(app.library.code, wanted.reference))


@router.delete("/code", **shows(None, 204, owner=True))
async def revoke(app: Fireside, reference: str) -> Response:
    """Take it back. A loaded model is unloaded once nobody uses it."""
    revoked = await asyncio.to_thread(app.library.revoke_code, reference)
    app.engines.keep(revoked, 0)
    return Response(status_code=204)


@router.get("/trusted", **shows(Trusted, owner=True))
async def trusted(app: Fireside) -> Response:
    """List the models that may run code of their own."""
    return answer(Trusted(await asyncio.to_thread(app.library.trust.listed)))
