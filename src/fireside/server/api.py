"""The HTTP interface of one `App`: routes, errors, documentation, and the perimeter around them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from fireside import __version__
from fireside.app import App
from fireside.cards import ServerStatus
from fireside.engines.machine import resident_bytes
from fireside.runtime import Runtime
from fireside.server import errors
from fireside.server.anthropic import routes as anthropic
from fireside.server.callers import Door, admitted
from fireside.server.counted import Counted
from fireside.server.guesses import Guesses
from fireside.server.keys import Keys
from fireside.server.listening import names_to_answer_to
from fireside.server.ollama.routes import ROUTERS as OLLAMA
from fireside.server.openai.routes import ROUTERS as OPENAI
from fireside.server.openapi import document_of
from fireside.server.pairings import Pairings
from fireside.server.paths import unseen_by
from fireside.server.perimeter import Activity, Perimeter
from fireside.server.routes import (
    aliases,
    conversations,
    converting,
    docs,
    imports,
    keys,
    loading,
    maintenance,
    memories,
    metrics,
    models,
    models_fit,
    models_search,
    page,
    replies,
    sessions,
    trust,
    typing,
)
from fireside.server.wire import refuse_unknown_query

ROOMS = (
    *(maintenance, metrics, conversations, replies, typing, memories),
    *(models, models_fit, models_search, aliases, converting, loading, imports, trust),
    *(keys, sessions, docs, page),
)


def build(
    app: App,
    runtime: Runtime,
    activity: Activity,
    stop: Callable[[], None],
    door: Door | None = None,
) -> ASGIApp:
    """Return the whole interface as an ASGI application. `stop` begins the server's end."""
    api = routed()
    begun = time.monotonic()
    api.state.fireside = app
    api.state.stop = stop
    api.state.activity = activity
    api.state.ready = lambda: not activity.ending
    api.state.door = door or door_of(app, runtime, activity)
    api.state.open_at = (runtime.open_at or (runtime.address,))[0]
    api.state.status = lambda: status_of(app, runtime, time.monotonic() - begun)
    settings = app.settings
    hosts = (*settings.allowed_hosts, *names_to_answer_to(settings.host))
    return Counted(Perimeter(api, hosts, settings.allowed_origins, activity), app.metrics)


def door_of(app: App, runtime: Runtime, activity: Activity) -> Door:
    """Return what decides who gets in, with the keys of this app's store."""
    keys = Keys(app.store.keys, ended=activity.ongoing.end_those_of)
    return Door(keys, runtime.token, Guesses(), Pairings())


def routed() -> FastAPI:
    """Return the routes, their errors and their document, with nothing behind them yet."""
    api = FastAPI(
        title="Fireside",
        version=__version__,
        docs_url=None,  # the stock page loads a foreign one
        redoc_url=None,
        openapi_url=None,  # ours stands behind the key check like every other route
        dependencies=[Depends(admitted), Depends(refuse_unknown_query)],
    )
    errors.install(api, unseen_by)
    for room in ROOMS:
        api.include_router(room.router)
    for router in (*OPENAI, anthropic.router, *OLLAMA):
        api.include_router(router)
    api.openapi = lambda: _documented(api)  # type: ignore[method-assign]
    return api


def _documented(api: FastAPI) -> dict[str, Any]:
    if not api.openapi_schema:
        api.openapi_schema = document_of(api)
    return api.openapi_schema


def status_of(app: App, runtime: Runtime, uptime_s: float) -> ServerStatus:
    """Return what `fireside status` tells."""
    counts = app.store.counts()
    database = app.home.database(app.settings)
    return ServerStatus(
        version=__version__,
        pid=runtime.pid,
        address=runtime.address,
        started_by=runtime.started_by,
        uptime_s=uptime_s,
        home=str(app.home.data),
        database=str(database),
        database_bytes=database.stat().st_size,
        resident_bytes=resident_bytes(os.getpid()),
        default_model=app.settings.model,
        engines=app.engines.statuses(),
        conversations=counts.conversations,
        trash=counts.trash,
        messages=counts.messages,
        running_replies=app.replies.count,
        open_at=runtime.open_at,
        queued=app.engines.queued,
        default_alias_of=app.catalogue.default_alias_of(),
    )
