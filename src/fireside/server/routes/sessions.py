"""Sessions: a key is entered once on a device, and a cookie stands for it from then on."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from fireside.cards import Session
from fireside.errors import BadRequest, SessionNotFound
from fireside.messages import Value
from fireside.server.callers import COOKIE, Asking, the_door
from fireside.server.keys import SESSION_MS
from fireside.server.wire import answer, body, shows

router = APIRouter(prefix="/fireside/v1", tags=["keys and sessions"])
DEVICE_CHARACTERS = 200


class EnteredKey(Value, frozen=True):
    """A key that somebody typed in, or the one-time code of a pairing in its place."""

    key: str | None = None
    code: str | None = None


class SessionList(msgspec.Struct, frozen=True):
    sessions: tuple[Session, ...]


@router.post("/sessions", **shows(Session, 201, takes=EnteredKey))
async def begin(request: Request, wanted: Annotated[EnteredKey, body(EnteredKey)]) -> Response:
    """The cookie is for this site's own pages only: no script reads it, no other site sends it."""
    door = the_door(request)
    if (wanted.key is None) == (wanted.code is None):
        raise BadRequest("send a key or a code", param="key")
    holder = door.paired(request, wanted.code) if wanted.code else door.entered(request, wanted.key or "")
    session, secret = await asyncio.to_thread(door.keys.begin_session, holder.key, _device(request))
    said = answer(msgspec.structs.replace(session, current=True), 201, secret=True)
    _set_cookie(request, said, secret, SESSION_MS // 1000)
    return said


@router.get("/sessions", **shows(SessionList))
async def listing(request: Request, caller: Asking) -> Response:
    """All of them for `admin`, and else those that were begun with the caller's key."""
    return answer(SessionList(_visible(request, caller)))


@router.delete("/sessions/{session_id}", **shows(None, 204))
async def end(request: Request, caller: Asking, session_id: str | Literal["current"]) -> Response:
    """`current` is the one that asks: so a device signs out."""
    wanted = caller.session_id if session_id == "current" else session_id
    if wanted not in {one.id for one in _visible(request, caller)}:
        raise SessionNotFound(f"there is no session {session_id}", hint="it may have ended already")
    await asyncio.to_thread(the_door(request).keys.end_session, str(wanted))
    said = Response(status_code=204)
    if wanted == caller.session_id:
        _set_cookie(request, said, "", 0)
    return said


def _visible(request: Request, caller: Asking) -> tuple[Session, ...]:
    keys = the_door(request).keys
    if "admin" in caller.scopes:
        found = keys.sessions()
    else:
        found = keys.sessions(caller.key_id) if caller.key_id else ()
    return tuple(msgspec.structs.replace(one, current=one.id == caller.session_id) for one in found)


def _device(request: Request) -> str:
    """Return what the device calls itself, without what could steer a terminal or a page."""
    named = request.headers.get("user-agent", "")
    return "".join(letter for letter in named if letter.isprintable())[:DEVICE_CHARACTERS] or "unknown"


def _set_cookie(request: Request, said: Response, secret: str, max_age_s: int) -> None:
    said.set_cookie(
        COOKIE,
        secret,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
