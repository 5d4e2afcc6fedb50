"""The server itself: health, status, settings, stop, backup, restore, import."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from fireside import __version__
from fireside.app import UPLOAD
from fireside.cards import ImportSummary, ServerStatus
from fireside.errors import BadRequest, TooLarge, TooManyTries, Unauthorized
from fireside.events import Progress
from fireside.messages import Value
from fireside.server.callers import Asking, needs, the_door
from fireside.server.paths import settings_for, status_for
from fireside.server.streams import Tell, tell_progress
from fireside.server.wire import OWNER, Fireside, answer, body, check_owner, may_name_model, parse, shows
from fireside.settings import Settings
from fireside.store.imported import MayName
from fireside.store.imports import import_file

router = APIRouter(tags=["server"])
IMPORT_BYTES = 16_000_000_000
CHAT = [needs("chat")]


class Health(msgspec.Struct, frozen=True):
    status: str = "ok"
    version: str = __version__
    ready: bool = True
    needs_key: bool = False
    """whether the one that asks is let in nowhere else without a key: a page then shows where to enter one"""


class AtPath(Value, frozen=True):
    path: str


class BackedUp(msgspec.Struct, frozen=True):
    path: str
    size_bytes: int


class Restored(msgspec.Struct, frozen=True):
    conversations: int
    messages: int
    kept: str


class Imported(msgspec.Struct, tag_field="event", tag="imported", frozen=True):
    summary: ImportSummary


@router.get("/health", **shows(Health))
async def health(request: Request) -> Response:
    """Tell that the server lives, whether it takes new work, and whether the one that asks needs a key."""
    return answer(Health(ready=request.app.state.ready(), needs_key=_needs_key(request)))


def _needs_key(request: Request) -> bool:
    try:
        the_door(request).caller(request)
    except (Unauthorized, TooManyTries):
        return True
    return False


@router.get("/health/live", **shows(Health))
async def live(request: Request) -> Response:
    """Tell that the server lives: 200 as long as it answers at all."""
    return await health(request)


@router.get("/health/ready", **shows(Health))
async def ready(request: Request) -> Response:
    """Tell whether the server takes new work: 503 while it stops."""
    return answer(Health(ready=request.app.state.ready()), 200 if request.app.state.ready() else 503)


@router.get("/fireside/v1/status", dependencies=CHAT, **shows(ServerStatus))
def status(app: Fireside, request: Request, caller: Asking) -> Response:
    """Show the server, its engines and who waits: what `fireside status` prints."""
    return answer(status_for(caller, request.app.state.status()))


@router.get("/fireside/v1/settings", dependencies=CHAT, **shows(Settings))
def settings(app: Fireside, caller: Asking) -> Response:
    """Show the settings that are in force."""
    return answer(settings_for(caller, app.settings))


@router.post("/fireside/v1/stop", dependencies=OWNER, **shows(None, 202, owner=True))
async def stop(request: Request) -> Response:
    """End the server: new work is refused, running replies drain. For the owner's own programs."""
    request.app.state.stop()
    return Response(status_code=202)


@router.post("/fireside/v1/backup", dependencies=OWNER, **shows(BackedUp, takes=AtPath, owner=True))
def backup(app: Fireside, wanted: Annotated[AtPath, body(AtPath)]) -> Response:
    """Write a copy of the database to an absolute path. For the owner's own programs."""
    path = _absolute(wanted.path)
    return answer(BackedUp(str(path), app.store.backup(path)))


@router.post("/fireside/v1/restore", dependencies=OWNER, **shows(Restored, takes=AtPath, owner=True))
async def restore(app: Fireside, request: Request, wanted: Annotated[AtPath, body(AtPath)]) -> Response:
    """Put a backup in the place of the data; `kept` is where that went. For the owner's own programs.

    Nothing new is begun while the data changes under everybody's feet.
    """
    activity = request.app.state.activity
    activity.ending = True
    try:
        await app.replies.drain(app.settings.drain_s)
        kept = await asyncio.to_thread(app.store.replace_with, _absolute(wanted.path))
        counts = await asyncio.to_thread(app.store.counts)
        await asyncio.to_thread(app.snapshots.sweep)
    finally:
        activity.ending = False
    return answer(Restored(counts.conversations, counts.messages, str(kept)))


@router.post(
    "/fireside/v1/import", dependencies=CHAT, **shows(Imported, takes=AtPath, media="text/event-stream")
)
async def import_conversations(app: Fireside, request: Request, caller: Asking) -> Response:
    """A JSON body with `path` is read in place; any other body is the file itself."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        check_owner(caller)
        path = _absolute(parse(await request.body(), AtPath).path)
        return tell_progress(lambda tell: _import(app, path, tell))
    upload = await _received(request, app.home.data)

    def may_name(reference: str) -> bool:
        return may_name_model(app, caller, reference)

    async def work(tell: Tell) -> Imported:
        try:
            return await _import(app, upload, tell, may_name, called="the file")
        finally:
            await asyncio.to_thread(upload.unlink, missing_ok=True)

    return tell_progress(work)


async def _received(request: Request, folder: Path) -> Path:
    """Return a new file that holds the request's body; nothing is left when it breaks off."""
    path = folder / f"{UPLOAD}{secrets.token_hex(8)}"
    size = 0
    try:
        with await asyncio.to_thread(open, path, "xb", opener=_private) as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > IMPORT_BYTES:
                    raise TooLarge(f"an import may have {IMPORT_BYTES:,} bytes at most")
                await asyncio.to_thread(file.write, chunk)
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise
    return path


async def _import(
    app: Fireside,
    path: Path,
    tell: Tell,
    may_name: MayName = lambda reference: True,
    called: str | None = None,
) -> Imported:
    def progress(done: int, total: int) -> None:
        tell(Progress("reading", done, total, "bytes"))

    summary = await asyncio.to_thread(
        import_file, app.store, path, progress=progress, called=called, may_name=may_name
    )
    return Imported(summary)


def _private(path: str, flags: int) -> int:
    """Open a new file that only its owner may read: it holds somebody's chats."""
    return os.open(path, flags, 0o600)


def _absolute(path: str) -> Path:
    found = Path(path)
    if not found.is_absolute() or "\0" in path:
        raise BadRequest("the path must be absolute, without NUL", param="path")
    return found
