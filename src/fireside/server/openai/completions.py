"""`POST /v1/completions`: a text goes on, without any template."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Meta, UnsetType

from fireside.errors import BadRequest, FiresideError
from fireside.server.callers import Asking, needs
from fireside.server.openai.answers import (
    DONE,
    Gathered,
    TokenUsage,
    error_event,
    fresh_id,
    now,
    sse,
    usage_of,
)
from fireside.server.openai.asking import Asker, Question, gather, together
from fireside.server.openai.chunks import Begun, Counts, End, Logprobs, Piece, Said
from fireside.server.openai.leaving import begun, unless_left
from fireside.server.openai.requests import MOST_CHOICES, Choices, Count, Sampled, StreamOptions
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[needs("chat")])

Ids = Annotated[list[Annotated[int, Meta(ge=0, le=2**31 - 1)]], Meta(min_length=1)]
Prompts = Annotated[list[str | Ids], Meta(min_length=1, max_length=MOST_CHOICES)]


class CompletionRequest(Sampled, frozen=True, kw_only=True):
    prompt: str | list[Any]
    """a text, token ids, or several of either"""
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = 16
    n: Choices | None = None
    best_of: Choices | None = None
    """only as many as `n`: nothing is thrown away"""
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: Literal[""] | None = None
    user: str | None = None


class TextLogprobs(msgspec.Struct, frozen=True):
    """The older form of logprobs: four lists of the same length."""

    tokens: tuple[str, ...]
    token_logprobs: tuple[float | None, ...]
    top_logprobs: tuple[dict[str, float | None], ...]
    text_offset: tuple[int, ...]


class TextChoice(msgspec.Struct, frozen=True):
    index: int
    text: str
    logprobs: TextLogprobs | None = None
    finish_reason: Literal["stop", "length", "tool_calls"] | None = None


class TextCompletion(msgspec.Struct, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[TextChoice, ...]
    usage: TokenUsage | UnsetType | None = UNSET
    object: Literal["text_completion"] = "text_completion"


class _Answer(msgspec.Struct, frozen=True):
    """What all choices of one answer share. `echoes` stand before each choice's own text."""

    choices: list[AsyncGenerator[Said, None]]
    echoes: list[str]
    per_prompt: int
    width: int
    model: str


@router.post("/completions", **shows(TextCompletion, takes=CompletionRequest))
async def create(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[CompletionRequest, body(CompletionRequest)],
) -> Response:
    """Go on with a text, as a whole or as a stream."""
    prompts, per_prompt = _prompts(asked), asked.n or 1
    _check(asked, prompts)
    asker = await Asker.of(app, caller, asked.model)
    questions = [_question(asked, prompt) for prompt in prompts]
    wanted = _Answer(
        choices=[asker.ask(question, index) for question in questions for index in range(per_prompt)],
        echoes=[str(prompt) if asked.echo else "" for prompt in prompts for _ in range(per_prompt)],
        per_prompt=per_prompt,
        width=app.engines.width,
        model=asker.model,
    )
    if asked.stream:
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return await begun(request, _stream(wanted, with_usage=with_usage))
    return await unless_left(request, _whole(wanted))


def _prompts(asked: CompletionRequest) -> list[str | list[int]]:
    """Return the prompts, each a text or token ids; BadRequest for anything else.

    >>> _prompts(CompletionRequest(prompt=[1, 2])), _prompts(CompletionRequest(prompt=["a", "b"]))
    ([[1, 2]], ['a', 'b'])
    """
    given = asked.prompt
    whole = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    try:
        prompts: list[str | list[int]] = msgspec.convert(whole, type=Prompts)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"prompt: {error}", hint="send a text, token ids, or a list of either", param="prompt"
        ) from error
    return prompts


def _check(asked: CompletionRequest, prompts: list[str | list[int]]) -> None:
    if len(prompts) * (asked.n or 1) > MOST_CHOICES:
        raise BadRequest(f"one request may have {MOST_CHOICES} choices", hint="ask for fewer", param="n")
    if asked.best_of is not None and asked.best_of != (asked.n or 1):
        raise BadRequest("best_of is not supported", hint="leave it out, or use n", param="best_of")
    if asked.echo and (asked.logprobs is not None or not all(isinstance(one, str) for one in prompts)):
        raise BadRequest(
            "echo goes with prompts of text, and without logprobs", hint="leave it out", param="echo"
        )
    if asked.stream_options is not None and not asked.stream:
        raise BadRequest("stream_options needs stream", hint='send "stream": true', param="stream_options")


def _question(asked: CompletionRequest, prompt: str | list[int]) -> Question:
    sent: dict[str, Any] = {"prompt": prompt}
    if asked.logprobs is not None:
        sent["logprobs"] = max(1, asked.logprobs)
    return Question(
        model=asked.model,
        path="/v1/completions",
        prompt_field="prompt",
        sampled=asked,
        max_tokens=asked.max_tokens,
        body=lambda info: sent,
        weighs=asked.logprobs is not None,
    )


async def _whole(wanted: _Answer) -> Response:
    gathered = await gather(wanted.choices, wanted.width)
    return answer(
        TextCompletion(
            id=fresh_id("cmpl"),
            created=now(),
            model=wanted.model,
            choices=tuple(_choice(index, wanted, one) for index, one in enumerate(gathered)),
            usage=usage_of((one.end.counts for one in gathered), wanted.per_prompt),
        )
    )


def _choice(index: int, wanted: _Answer, said: Gathered) -> TextChoice:
    logprobs = text_logprobs(said.all_logprobs(), 0)
    return TextChoice(index, wanted.echoes[index] + said.text, logprobs, said.end.reason)


async def _stream(wanted: _Answer, *, with_usage: bool) -> AsyncGenerator[bytes, None]:
    identity, created, no_usage = fresh_id("cmpl"), now(), None if with_usage else UNSET
    counts: dict[int, Counts] = {}
    offsets = [0] * len(wanted.choices)
    first = True
    try:
        async with aclosing(together(wanted.choices, wanted.width)) as events:
            async for index, said in events:
                first = False
                match said:
                    case Begun():
                        choice = TextChoice(index, wanted.echoes[index])
                    case Piece():
                        choice = TextChoice(index, said.text, text_logprobs(said.logprobs, offsets[index]))
                        offsets[index] += len(said.text)
                    case End():
                        counts[index] = said.counts
                        choice = TextChoice(index, "", finish_reason=said.reason)
                yield sse(TextCompletion(identity, created, wanted.model, (choice,), no_usage))
    except FiresideError as error:
        if first:
            raise
        yield error_event(error)
        return
    if with_usage:
        ordered = [counts[index] for index in sorted(counts)]
        yield sse(TextCompletion(identity, created, wanted.model, (), usage_of(ordered, wanted.per_prompt)))
    yield DONE


def text_logprobs(logprobs: Logprobs | None, offset: int) -> TextLogprobs | None:
    """Return logprobs in their older form; `offset` is where in the text the first token stands."""
    if logprobs is None:
        return None
    tokens = logprobs.content or ()
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return TextLogprobs(
        tokens=tuple(token.token for token in tokens),
        token_logprobs=tuple(token.logprob for token in tokens),
        top_logprobs=tuple({top.token: top.logprob for top in token.top_logprobs} for token in tokens),
        text_offset=tuple(offsets),
    )
