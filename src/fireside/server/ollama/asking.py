"""What chatting and generating have in common: the model's stay in memory, its context, its thinking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import Request, Response

from fireside.app import App
from fireside.engines.protocol import EngineInfo
from fireside.errors import BadRequest, FiresideError
from fireside.server.callers import Caller
from fireside.server.errors import status_of
from fireside.server.ollama.answers import DoneReason, Watch, failure_of, line
from fireside.server.ollama.durations import keep_s
from fireside.server.ollama.requests import Asked, KeepAlive, Options, mirostat_of
from fireside.server.openai.asking import Question
from fireside.server.openai.chat import checked_shape
from fireside.server.openai.chunks import Begun, Said
from fireside.server.openai.leaving import begun
from fireside.server.openai.schemas import Shape
from fireside.server.relay import leased, reference_of


class Stay:
    """How long the model of a request stays loaded after it, where the request says so."""

    def __init__(self, app: App, caller: Caller, model: str, keep_alive: KeepAlive) -> None:
        self._app = app
        self._caller = caller
        self._model = model
        self._seconds = None if keep_alive is None else keep_s(keep_alive)

    async def load(self) -> DoneReason:
        """Do what a request without anything to say is for: load the model, or unload it."""
        if self._seconds == 0:
            await self.settle()
            return "unload"
        async with leased(self._app, self._caller, self._model, writes=False):
            await self.settle()
        return "load"

    async def watched(self, said: AsyncGenerator[Said, None], watch: Watch) -> AsyncGenerator[Said, None]:
        """Pass on what is said; once the model is there, its stay is settled."""
        async with aclosing(said) as events:
            async for event in events:
                if isinstance(event, Begun):
                    watch.ready()
                    await self.settle()
                yield event

    async def settle(self) -> None:
        """Keep the model, which is loaded by now, as long as the request says."""
        if self._seconds is not None:
            reference = await asyncio.to_thread(reference_of, self._app, self._model)
            loaded_as = await asyncio.to_thread(self._app.catalogue.engine_reference, reference)
            self._app.engines.keep(loaded_as, self._seconds)


def shape_of(asked: Asked) -> Shape | None:
    """Return what the answer must fit: any JSON object, or the schema."""
    if not asked.format:
        return None
    return Shape({"type": "object"}) if asked.format == "json" else checked_shape(asked.format, "format")


def with_options(question: Question, asked: Asked) -> Question:
    """Return the question with what only Ollama's requests say; BadRequest names what can't be done."""

    def body(info: EngineInfo) -> dict[str, Any]:
        context_of(asked.options, info)
        return question.body(info) | mirostat_of(asked.options) | _thinking(asked, info)

    return msgspec.structs.replace(question, body=body)


def context_of(options: Options | None, info: EngineInfo) -> int:
    """Return how many tokens of context are asked for; BadRequest for more than there are."""
    wanted = options.num_ctx if options else None
    if wanted is not None and wanted > info.context_length:
        raise BadRequest(
            f"options.num_ctx: this model is loaded with {info.context_length:,} tokens of context",
            hint="ask for no more, or raise `context_length` in the settings",
            param="options.num_ctx",
        )
    return wanted or info.context_length


def _thinking(asked: Asked, info: EngineInfo) -> dict[str, Any]:
    if asked.think is None or not (asked.think or info.reasons):
        return {}
    if not info.reasons:
        raise BadRequest(
            f"think: {info.model} doesn't reason before it answers", hint="leave it out", param="think"
        )
    effort = {} if isinstance(asked.think, bool) else {"reasoning_effort": asked.think}
    return {"chat_template_kwargs": {"enable_thinking": bool(asked.think), **effort}}


async def streamed(request: Request, lines: AsyncGenerator[bytes, None]) -> Response:
    """Return a stream of JSON lines; what fails before the first one has its own status."""
    stream = await begun(request, _with_failure(lines), still_here=None)
    stream.headers["content-type"] = "application/x-ndjson"
    return stream


async def _with_failure(lines: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    first = True
    try:
        async with aclosing(lines) as each:
            async for one in each:
                first = False
                yield one
    except FiresideError as error:
        if first:
            raise
        yield failure_of(error, status_of(error)) + b"\n"


async def one_line(value: msgspec.Struct) -> AsyncGenerator[bytes, None]:
    yield line(value)
