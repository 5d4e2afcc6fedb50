"""`POST /v1/chat/completions`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Meta

from fireside.engines.protocol import EngineInfo
from fireside.errors import BadRequest, FiresideError
from fireside.server.callers import Asking, needs
from fireside.server.openai import functions
from fireside.server.openai.answers import (
    DONE,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChunkChoice,
    ChunkDelta,
    error_event,
    fresh_id,
    now,
    sse,
    usage_of,
)
from fireside.server.openai.asking import Asker, Question, Reader, gather, together
from fireside.server.openai.chunks import Begun, Counts, End, Piece, Said
from fireside.server.openai.conversation import Messages, check, native, plain
from fireside.server.openai.leaving import begun, unless_left
from fireside.server.openai.overflow import Extras
from fireside.server.openai.requests import (
    Choices,
    Count,
    Effort,
    Function,
    JsonObject,
    JsonSchema,
    NamedTool,
    Notes,
    ResponseFormat,
    Sampled,
    StreamOptions,
    Tier,
    ToolChoice,
    Tools,
    chosen_tools,
)
from fireside.server.openai.schemas import Shape, check_schema
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[needs("chat")])


class ChatRequest(Sampled, frozen=True, kw_only=True):
    messages: Messages
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Choices | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    modalities: tuple[Literal["text"], ...] | None = None
    verbosity: Literal["medium"] | None = None
    fireside: Extras | None = None
    # What only annotates.
    user: str | None = None
    metadata: Notes | None = None
    store: bool | None = None
    service_tier: Tier | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    # What can't be done: null at the most.
    audio: None = None
    prediction: None = None
    functions: None = None
    function_call: None = None
    web_search_options: None = None


class Wish(Sampled, frozen=True, kw_only=True):
    """What a chat is to be answered with, whichever way it was asked for."""

    messages: Messages
    model: str | None = None
    max_tokens: int | None = None
    functions: tuple[Function, ...] = ()
    required: bool = False
    parallel: bool = True
    top_logprobs: int | None = None
    """None for none at all"""
    shape: Shape | None = None
    """None for plain words"""
    fits: bool = False
    """whether older messages may become a digest"""
    messages_field: str = "messages"
    tools_field: str = "tools[{}].function.parameters"
    shape_field: str = "response_format"


@router.post("/chat/completions", **shows(ChatCompletion, takes=ChatRequest))
async def create(
    app: Fireside, caller: Asking, request: Request, asked: Annotated[ChatRequest, body(ChatRequest)]
) -> Response:
    """Answer a conversation, as a whole or as a stream."""
    question = question_of(_wish(asked))
    asker = await Asker.of(app, caller, asked.model)
    choices = [asker.ask(question, index) for index in range(asked.n or 1)]
    width = app.engines.width
    if asked.stream:
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return await begun(request, _stream(choices, width, asker.model, with_usage=with_usage))
    return await unless_left(request, _whole(choices, width, asker.model))


def _wish(asked: ChatRequest) -> Wish:
    if asked.top_logprobs is not None and not asked.logprobs:
        raise BadRequest("top_logprobs needs logprobs", hint='send "logprobs": true', param="top_logprobs")
    if asked.stream_options is not None and not asked.stream:
        raise BadRequest("stream_options needs stream", hint='send "stream": true', param="stream_options")
    choice = asked.tool_choice
    name = choice.function.name if isinstance(choice, NamedTool) else None
    described = tuple(tool.function for tool in asked.tools or ())
    return Wish(
        **{field: getattr(asked, field) for field in Sampled.__struct_fields__},
        messages=asked.messages,
        model=asked.model,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        functions=chosen_tools(described, None if isinstance(choice, NamedTool) else choice, name),
        required=name is not None or choice == "required",
        parallel=asked.parallel_tool_calls is not False,
        top_logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        shape=_shape(asked.response_format),
        fits=bool(asked.fireside and asked.fireside.overflow == "digest"),
    )


def _shape(wanted: ResponseFormat | None) -> Shape | None:
    if isinstance(wanted, JsonObject):
        return Shape({"type": "object"})
    if isinstance(wanted, JsonSchema):
        return checked_shape(wanted.json_schema.schema, "response_format.json_schema.schema")
    return None


def checked_shape(schema: dict[str, Any] | None, field: str) -> Shape:
    """Return the shape that a request's schema describes; BadRequest names `field`."""
    if schema is None:
        raise BadRequest(f"{field} is missing", hint="send the schema", param=field)
    check_schema(schema, field)
    return Shape(schema)


def question_of(wish: Wish) -> Question:
    """Return what an engine is asked for `wish`; BadRequest names what can't be done."""
    pictures = check(wish.messages)
    if pictures and wish.fits:
        raise BadRequest(
            "a request with pictures can't become a digest",
            hint='leave out "overflow", or the pictures',
            param=pictures,
        )
    for number, function in enumerate(wish.functions):
        check_schema(function.parameters or {}, wish.tools_field.format(number))
    if wish.functions and wish.shape:
        raise BadRequest(
            "an answer that may be a call can't have a format of its own",
            hint="leave out one of them",
            param=wish.shape_field,
        )
    calls = functions.call_shape(wish.functions) if wish.functions else None
    if calls and wish.required:
        check_schema(calls.schema, "tools")
    return Question(
        model=wish.model,
        path="/v1/chat/completions",
        prompt_field=wish.messages_field,
        sampled=wish,
        max_tokens=wish.max_tokens,
        body=lambda info: _body(wish, calls, info),
        reader=lambda info: _reader(wish, calls, info),
        fits=len(wish.messages) if wish.fits else 0,
        pictures=pictures,
        weighs=wish.top_logprobs is not None,
    )


def _body(wish: Wish, calls: Shape | None, info: EngineInfo) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    shape = wish.shape
    # Even where the template knows functions, the engine lets a model ignore that one is required.
    if info.takes_tools and not wish.required:
        sent["messages"] = native(wish.messages)
        if wish.functions:
            sent["tools"] = [{"type": "function", "function": _told(one)} for one in wish.functions]
            sent["parallel_tool_calls"] = wish.parallel
    else:
        sent["messages"] = plain(wish.messages, wish.functions, required=wish.required)
        shape = calls if wish.required else shape
    if shape:
        schema = {"name": "answer", "schema": shape.schema}
        sent["response_format"] = {"type": "json_schema", "json_schema": schema}
    if wish.top_logprobs is not None:
        sent |= {"logprobs": True, "top_logprobs": wish.top_logprobs}
    return sent


def _told(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "description": function.description or "",
        "parameters": function.parameters or {"type": "object", "properties": {}},
    }


def _reader(wish: Wish, calls: Shape | None, info: EngineInfo) -> Reader | None:
    """Return what reads the answer: nothing, where nothing was promised about it."""
    if calls and (wish.required or not info.takes_tools):
        return lambda said: functions.read_calls(said, calls, required=wish.required)
    if wish.shape:
        shape = wish.shape
        return lambda said: functions.checked(said, shape)
    return None


async def _whole(choices: list[AsyncGenerator[Said, None]], width: int, model: str) -> Response:
    gathered = await gather(choices, width)
    return answer(
        ChatCompletion(
            id=fresh_id("chatcmpl"),
            created=now(),
            model=model,
            choices=tuple(
                ChatChoice(index, one.message(), one.all_logprobs(), one.end.reason)
                for index, one in enumerate(gathered)
            ),
            usage=usage_of((one.end.counts for one in gathered), len(gathered)),
            fireside=gathered[0].receipt or UNSET,
        )
    )


async def _stream(
    choices: list[AsyncGenerator[Said, None]], width: int, model: str, *, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    identity, created, no_usage = fresh_id("chatcmpl"), now(), None if with_usage else UNSET
    counts: dict[int, Counts] = {}
    first = True
    try:
        async with aclosing(together(choices, width)) as events:
            async for index, said in events:
                first = False
                if isinstance(said, End):
                    counts[index] = said.counts
                receipt = said.receipt if isinstance(said, Begun) else None
                told = ChatChunk(identity, created, model, (_choice(index, said),), no_usage)
                yield sse(msgspec.structs.replace(told, fireside=receipt) if receipt else told)
    except FiresideError as error:
        if first:
            raise
        yield error_event(error)
        return
    if with_usage:
        ordered = [counts[index] for index in sorted(counts)]
        yield sse(ChatChunk(identity, created, model, (), usage_of(ordered, len(ordered))))
    yield DONE


def _choice(index: int, said: Said) -> ChunkChoice:
    match said:
        case Begun():
            return ChunkChoice(index, ChunkDelta(role="assistant", content=""))
        case End():
            return ChunkChoice(index, ChunkDelta(), finish_reason=said.reason)
        case Piece():
            delta = ChunkDelta(
                content=said.text or None,
                reasoning_content=said.reasoning or None,
                tool_calls=said.calls,
            )
            return ChunkChoice(index, delta, said.logprobs)
