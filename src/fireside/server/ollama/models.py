"""Which models there are, what they are, and which are loaded."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Response

from fireside.app import App
from fireside.cards import EngineStatus, ModelCard
from fireside.server.callers import needs
from fireside.server.errors import status_of, tell_endings, tell_errors
from fireside.server.ollama.answers import (
    Loaded,
    Processes,
    Shown,
    Tag,
    Tags,
    Version,
    failure_of,
)
from fireside.server.ollama.names import details_of, digest_of, modified_at, tagged, time_text
from fireside.server.ollama.requests import ShowRequest
from fireside.server.relay import reference_of
from fireside.server.wire import Fireside, answer, body, shows

SPOKEN_VERSION = "0.12.11"
"""the version of Ollama whose interface this is: clients ask for it to know what they may use"""
PARAMETERS = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")

router = APIRouter(prefix="/api", tags=["Ollama"], dependencies=[needs("chat")])
door = APIRouter(tags=["Ollama"])
"""What programs ask before anything else, without a key: is anybody there, and who?"""
tell_errors("/api/", failure_of)
tell_endings("/api/", lambda error: failure_of(error, status_of(error)) + b"\n")


@door.head("/", include_in_schema=False)
def here() -> Response:
    """Ollama's own client asks so whether anybody is there."""
    return Response()


@door.head("/api/version", include_in_schema=False)
@door.get("/api/version", **shows(Version))
def version() -> Response:
    """Tell the version of Ollama whose interface this is."""
    return answer(Version(SPOKEN_VERSION))


@router.head("/tags", include_in_schema=False)
@router.get("/tags", **shows(Tags))
def tags(app: Fireside) -> Response:
    """List the models that are here."""
    return answer(Tags(tuple(map(_tag, app.catalogue.usable()))))


def _tag(card: ModelCard) -> Tag:
    name = tagged(card)
    return Tag(name, name, modified_at(card), card.size_bytes, digest_of(card), details_of(card))


@router.post("/show", **shows(Shown, takes=ShowRequest))
async def show(app: Fireside, asked: Annotated[ShowRequest, body(ShowRequest)]) -> Response:
    """Show one model."""
    card = await asyncio.to_thread(_card, app, asked.wanted)
    return answer(
        Shown(
            modelfile=f"FROM {tagged(card)}\n",
            parameters="\n".join(_parameters(card)),
            template="",
            license=card.licence or "",
            details=details_of(card),
            model_info=_info(card),
            capabilities=_capabilities(card),
            modified_at=modified_at(card),
        )
    )


def _capabilities(card: ModelCard) -> tuple[str, ...]:
    if card.purpose == "chat":
        also = (("tools", card.has_template), ("vision", card.sees))
        return ("completion", *(name for name, has in also if has))
    return ("embedding",) if card.purpose == "embedding" else ()


def _card(app: App, name: str) -> ModelCard:
    return app.catalogue.card(reference_of(app, name))


def _parameters(card: ModelCard) -> list[str]:
    """Return what the model's makers recommend, as a Modelfile has it."""
    sampling = card.defaults.sampling
    named = {name: getattr(sampling, name) for name in PARAMETERS}
    return [f"{name:<30} {value}" for name, value in named.items() if value is not None]


def _info(card: ModelCard) -> dict[str, Any]:
    family = card.architecture or "unknown"
    known = {
        "general.architecture": family,
        "general.basename": card.name,
        "general.parameter_count": card.parameters,
        "general.license": card.licence,
        "general.languages": list(card.languages) or None,
        f"{family}.context_length": card.context_length,
        f"{family}.embedding_length": card.embedding_length,
    }
    return {name: value for name, value in known.items() if value is not None}


@router.get("/ps", **shows(Processes))
def processes(app: Fireside) -> Response:
    """Tell which models are loaded, and when they leave if nobody uses them."""
    return answer(Processes(tuple(_loaded(app, status) for status in app.engines.statuses())))


def _loaded(app: App, status: EngineStatus) -> Loaded:
    card = app.catalogue.card(status.model)
    size = status.resident_bytes or card.size_bytes
    return Loaded(
        name=tagged(card),
        model=tagged(card),
        size=size,
        digest=digest_of(card),
        details=details_of(card),
        expires_at=time_text(time.time() + (status.unloads_in_s or 0.0)),
        size_vram=size if status.device == "gpu" else 0,
        context_length=status.context_length,
    )
