"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response

from fireside.engines.protocol import EngineInfo
from fireside.errors import BadRequest, FiresideError
from fireside.server.anthropic.answers import Counted, MessageAnswer, Ping, Telling, as_sse
from fireside.server.anthropic.envelope import failure_event, failure_of
from fireside.server.anthropic.requests import Asked, MessagesRequest, ThinkingOff, ThinkingOn
from fireside.server.anthropic.translation import wish_of
from fireside.server.callers import Asking, needs
from fireside.server.errors import tell_endings, tell_errors
from fireside.server.openai.asking import Asker, Question
from fireside.server.openai.chat import question_of
from fireside.server.openai.chunks import Said
from fireside.server.openai.leaving import begun, unless_left
from fireside.server.prompts import prompt_tokens
from fireside.server.stops import Stops
from fireside.server.wire import Fireside, answer, body, shows

PATH = "/v1/messages"
router = APIRouter(prefix=PATH, tags=["Anthropic"], dependencies=[needs("chat")])
tell_errors(PATH, failure_of)
tell_endings(PATH, failure_event)


@router.post("", **shows(MessageAnswer, takes=MessagesRequest))
async def create(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[MessagesRequest, body(MessagesRequest)],
    beta: str | None = None,
) -> Response:
    """Answer a conversation. `beta` is what Anthropic's clients add; it changes nothing."""
    stops = Stops(asked.stop_sequences)
    question = stops.counting(_question(asked))
    asker = await Asker.of(app, caller, asked.model)
    said = stops.cut(asker.ask(question))
    telling = Telling(asked.model, asked.max_tokens)
    if asked.stream:
        return await begun(request, _stream(said, telling, stops), still_here=as_sse(Ping()))
    return await unless_left(request, _whole(said, telling, stops))


@router.post("/count_tokens", **shows(Counted, takes=Asked))
async def count_tokens(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[Asked, body(Asked)],
    beta: str | None = None,
) -> Response:
    """Count the prompt's tokens as the model's own template writes it; nothing is generated."""
    counting = prompt_tokens(app, caller, _question(asked))
    return answer(Counted(await unless_left(request, counting)))


def _question(asked: Asked) -> Question:
    question = question_of(wish_of(asked))
    thinking = asked.thinking
    if thinking is None:
        return question

    def with_thinking(info: EngineInfo) -> dict[str, Any]:
        if not isinstance(thinking, ThinkingOff) and not info.reasons:
            raise BadRequest(
                f"thinking: {info.model} doesn't reason before it answers",
                hint='leave it out, or send {"type": "disabled"}',
                param="thinking",
            )
        on = not isinstance(thinking, ThinkingOff)
        budget = (
            {"thinking_budget_tokens": thinking.budget_tokens} if isinstance(thinking, ThinkingOn) else {}
        )
        return question.body(info) | budget | {"chat_template_kwargs": {"enable_thinking": on}}

    return msgspec.structs.replace(question, body=with_thinking)


async def _whole(said: AsyncGenerator[Said, None], telling: Telling, stops: Stops) -> Response:
    async with aclosing(said) as events:
        async for event in events:
            for _ in telling.tell(event, stops.met):
                pass
    return answer(telling.message)


async def _stream(
    said: AsyncGenerator[Said, None], telling: Telling, stops: Stops
) -> AsyncGenerator[bytes, None]:
    first = True
    try:
        async with aclosing(said) as events:
            async for event in events:
                for told in telling.tell(event, stops.met):
                    first = False
                    yield as_sse(told)
    except FiresideError as error:
        if first:
            raise
        yield failure_event(error)
