"""`POST /api/chat`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from fireside.errors import AnswerInvalid, BadRequest
from fireside.pictures import decoded
from fireside.server.callers import Asking, needs
from fireside.server.ollama.answers import (
    AnsweredCall,
    AnsweredFunction,
    AnswerMessage,
    ChatLine,
    Watch,
    likelihoods,
    line,
    now,
)
from fireside.server.ollama.asking import Stay, one_line, shape_of, streamed, with_options
from fireside.server.ollama.requests import (
    ChatMessage,
    ChatRequest,
    check,
    decode_arguments,
    sampled_of,
    stops_of,
)
from fireside.server.openai.asking import Asker, Question
from fireside.server.openai.chat import Wish, question_of
from fireside.server.openai.chunks import CallDelta, End, Piece, Said
from fireside.server.openai.conversation import (
    AssistantMessage,
    Call,
    CalledFunction,
    ImagePart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
    picture,
)
from fireside.server.openai.conversation import ChatMessage as Told
from fireside.server.openai.leaving import unless_left
from fireside.server.openai.schemas import check_schema
from fireside.server.stops import Stops
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/api", tags=["Ollama"], dependencies=[needs("chat")])


@router.post("/chat", **shows(ChatLine, takes=ChatRequest))
async def chat(
    app: Fireside, caller: Asking, request: Request, asked: Annotated[ChatRequest, body(ChatRequest)]
) -> Response:
    """Answer a conversation, as a whole or as lines of JSON."""
    stay = Stay(app, caller, asked.model, asked.keep_alive)
    if not asked.messages:
        reason = await unless_left(request, stay.load())
        nothing = AnswerMessage("assistant", "")
        done = ChatLine(model=asked.model, created_at=now(), message=nothing, done=True, done_reason=reason)
        return answer(done) if asked.stream is False else await streamed(request, one_line(done))
    watch = Watch()
    stops = Stops(stops_of(asked.options))
    asker = await Asker.of(app, caller, asked.model)
    said = stay.watched(stops.cut(asker.ask(stops.counting(_question(asked)))), watch)
    lines = _lines(said, asked.model, watch)
    if asked.stream is False:
        return await unless_left(request, _whole(lines))
    return await streamed(request, _encoded(lines))


def _question(asked: ChatRequest) -> Question:
    check(asked)
    for number, tool in enumerate(asked.tools or ()):
        check_schema(tool.function.parameters or {}, f"tools[{number}].function.parameters")
    wish = Wish(
        messages=tuple(_told(asked.messages or ())),
        model=asked.model,
        functions=tuple(tool.function for tool in asked.tools or ()),
        shape=shape_of(asked),
        top_logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        **sampled_of(asked.options),
    )
    return with_options(question_of(wish), asked)


def _told(messages: tuple[ChatMessage, ...]) -> Iterator[Told]:
    """Yield the messages as engines take them; results of tools get the ids of the calls before them."""
    open_calls: dict[str, str] = {}
    for number, message in enumerate(messages):
        if message.images and message.role != "user":
            field = f"messages[{number}].images"
            raise BadRequest(
                f"{field}: only a user's message has pictures", hint="leave them out", param=field
            )
        content = message.content or ""
        match message.role:
            case "system":
                yield SystemMessage(content)
            case "user":
                yield UserMessage(_seen(content, message.images, number) if message.images else content)
            case "tool":
                yield ToolMessage(content, _answered(message, open_calls))
            case "assistant":
                calls = tuple(_calls(message, number))
                open_calls = {call.id: call.function.name for call in calls}
                yield AssistantMessage(
                    content, tool_calls=calls or None, reasoning_content=message.thinking or None
                )


def _seen(content: str, images: tuple[str, ...], number: int) -> tuple[TextPart | ImagePart, ...]:
    for place, image in enumerate(images):
        decoded(image, f"messages[{number}].images[{place}]")
    # Ollama's requests don't say of what kind they are; it is looked up in the pictures themselves.
    shown = tuple(picture("image/*", image) for image in images)
    return (*shown, TextPart(content)) if content else shown


def _calls(message: ChatMessage, number: int) -> Iterator[Call]:
    for index, call in enumerate(message.tool_calls or ()):
        arguments = msgspec.json.encode(call.function.arguments).decode()
        yield Call(call.id or f"call_{number}_{index}", CalledFunction(call.function.name, arguments))


def _answered(message: ChatMessage, open_calls: dict[str, str]) -> str:
    """Return the id of the call that a tool's message answers: named by id, by tool, or the next one."""
    fitting = (
        identity
        for identity, name in open_calls.items()
        if message.tool_call_id in (None, identity) and message.tool_name in (None, name)
    )
    found = next(fitting, message.tool_call_id or "call")
    open_calls.pop(found, None)
    return found


async def _lines(
    said: AsyncGenerator[Said, None], model: str, watch: Watch
) -> AsyncGenerator[ChatLine, None]:
    calls: list[CallDelta] = []
    async with aclosing(said) as events:
        async for event in events:
            if isinstance(event, Piece):
                calls += event.calls
                if event.text or event.reasoning or event.logprobs:
                    yield _line(model, event)
            elif isinstance(event, End):
                if made := tuple(_made(calls)):
                    message = AnswerMessage("assistant", "", tool_calls=made)
                    yield ChatLine(model=model, created_at=now(), message=message, done=False)
                last = AnswerMessage("assistant", "")
                yield ChatLine(model=model, created_at=now(), message=last, **watch.ending(event))


def _line(model: str, piece: Piece) -> ChatLine:
    tokens = piece.logprobs.content if piece.logprobs else None
    return ChatLine(
        model=model,
        created_at=now(),
        message=AnswerMessage("assistant", piece.text, piece.reasoning),
        done=False,
        logprobs=likelihoods(tokens or ()),
    )


def _made(parts: list[CallDelta]) -> Iterator[AnsweredCall]:
    """Yield whole calls, put together from their parts."""
    for number in sorted({part.index for part in parts}):
        mine = [part for part in parts if part.index == number]
        name = "".join(part.function.name or "" for part in mine)
        identity = next((part.id for part in mine if part.id), f"call_{number}")
        written = "".join(part.function.arguments for part in mine)
        try:
            arguments = decode_arguments(written)
        except msgspec.DecodeError as error:
            raise AnswerInvalid(
                f"the model's call of {name} is not JSON: {error}", hint="ask again, or a larger model"
            ) from error
        yield AnsweredCall(AnsweredFunction(name, arguments, number), identity)


async def _encoded(lines: AsyncGenerator[ChatLine, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(lines) as each:
        async for one in each:
            yield line(one)


async def _whole(lines: AsyncGenerator[ChatLine, None]) -> Response:
    told = [one async for one in lines]
    last = told[-1]
    last.message = AnswerMessage(
        "assistant",
        "".join(one.message.content for one in told),
        "".join(one.message.thinking for one in told),
        tuple(call for one in told for call in one.message.tool_calls),
    )
    last.logprobs = tuple(token for one in told for token in one.logprobs)
    return answer(last)
