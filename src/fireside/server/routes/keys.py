"""Keys: made, listed, taken back. For `admin` and for this person's own programs."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from fireside.cards import Key, NewKey, Pairing, Scope
from fireside.messages import Value
from fireside.server.callers import needs, the_door
from fireside.server.keys import LAN_KEY
from fireside.server.wire import answer, body, shows

router = APIRouter(prefix="/fireside/v1", tags=["keys and sessions"], dependencies=[needs("admin")])


class WantedKey(Value, frozen=True):
    name: str
    scopes: tuple[Scope, ...] = ("chat",)


class WantedPairing(Value, frozen=True):
    key: str | None = None


class KeyList(msgspec.Struct, frozen=True):
    keys: tuple[Key, ...]


@router.post("/keys", **shows(NewKey, 201, takes=WantedKey))
async def make(request: Request, wanted: Annotated[WantedKey, body(WantedKey)]) -> Response:
    """Make a key. The answer is the only one that ever shows it."""
    made = await asyncio.to_thread(the_door(request).keys.make, wanted.name, wanted.scopes)
    return answer(made, 201, secret=True)


@router.post("/pairings", **shows(Pairing, 201, takes=WantedPairing))
async def pair(request: Request, wanted: Annotated[WantedPairing, body(WantedPairing)]) -> Response:
    """Make a one-time code that lets a device in, with one of the keys; `lan`, if none is named."""
    door = the_door(request)
    key = door.keys.named(wanted.key or LAN_KEY)
    return answer(door.pairings.offer(key, request.app.state.open_at), 201, secret=True)


@router.get("/keys", **shows(KeyList))
async def listing(request: Request) -> Response:
    """List the keys, without what makes them work."""
    return answer(KeyList(the_door(request).keys.listed()))


@router.delete("/keys/{name_or_id}", **shows(None, 204))
async def remove(request: Request, name_or_id: str) -> Response:
    """Its sessions end with it."""
    await asyncio.to_thread(the_door(request).keys.remove, name_or_id)
    return Response(status_code=204)
