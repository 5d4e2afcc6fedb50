"""What `POST /v1/responses` answers: the response, its output items, and the events of a stream."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fireside.errors import FiresideError
from fireside.server.openai.answers import Gathered, fresh_id
from fireside.server.openai.chunks import Counts, End, TokenLogprob
from fireside.server.openai.responses_request import (
    Reasoning,
    ResponseChoice,
    ResponsesRequest,
    ResponseTool,
    TextFormat,
    TextWish,
)

ResponseStatus = Literal["in_progress", "completed", "incomplete", "failed"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]


class OutputText(msgspec.Struct, frozen=True):
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    annotations: tuple[Any, ...] = ()
    type: Literal["output_text"] = "output_text"


class OutputMessage(msgspec.Struct, tag_field="type", tag="message", frozen=True):
    id: str
    status: ItemStatus
    content: tuple[OutputText, ...]
    role: Literal["assistant"] = "assistant"


class OutputCall(msgspec.Struct, tag_field="type", tag="function_call", frozen=True):
    id: str
    call_id: str
    name: str
    arguments: str
    status: ItemStatus


class ReasoningText(msgspec.Struct, frozen=True):
    text: str
    type: Literal["reasoning_text"] = "reasoning_text"


class OutputReasoning(msgspec.Struct, tag_field="type", tag="reasoning", frozen=True):
    id: str
    status: ItemStatus
    content: tuple[ReasoningText, ...]
    summary: tuple[Any, ...] = ()


OutputItem = OutputMessage | OutputCall | OutputReasoning


class InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: int
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct, frozen=True):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    total_tokens: int
    output_tokens_details: OutputDetails = OutputDetails()


class Incomplete(msgspec.Struct, frozen=True):
    reason: Literal["max_output_tokens"] = "max_output_tokens"


class ResponseError(msgspec.Struct, frozen=True):
    message: str
    code: Literal["server_error"] = "server_error"


class ResponseObject(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. What the request left out is filled in with what was done."""

    id: str
    created_at: int
    model: str
    status: ResponseStatus
    output: tuple[OutputItem, ...] = ()
    usage: ResponseUsage | None = None
    error: ResponseError | None = None
    incomplete_details: Incomplete | None = None
    object: Literal["response"] = "response"
    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    previous_response_id: None = None
    reasoning: Reasoning = Reasoning()
    store: Literal[False] = False
    temperature: float | None = None
    text: TextWish
    tool_choice: ResponseChoice
    tools: tuple[ResponseTool, ...]
    top_logprobs: int = 0
    top_p: float | None = None
    truncation: Literal["disabled"] = "disabled"
    background: Literal[False] = False
    user: str | UnsetType = UNSET


def blank(asked: ResponsesRequest, model: str, created: int) -> ResponseObject:
    """Return the response as it is before anything was said."""
    return ResponseObject(
        id=fresh_id("resp"),
        created_at=created,
        model=model,
        status="in_progress",
        instructions=asked.instructions,
        max_output_tokens=asked.max_output_tokens,
        metadata=asked.metadata or {},
        parallel_tool_calls=asked.parallel_tool_calls is not False,
        temperature=asked.temperature,
        text=asked.text if asked.text and asked.text.format else TextWish(TextFormat()),
        tool_choice=asked.tool_choice or "auto",
        tools=asked.tools or (),
        top_logprobs=asked.top_logprobs or 0,
        top_p=asked.top_p,
        user=asked.user or UNSET,
    )


def finished(response: ResponseObject, end: End, items: tuple[OutputItem, ...]) -> ResponseObject:
    """Return the response at its end."""
    cut = end.reason == "length"
    return msgspec.structs.replace(
        response,
        status="incomplete" if cut else "completed",
        incomplete_details=Incomplete() if cut else None,
        output=items,
        usage=usage_of(end.counts),
    )


def failed(response: ResponseObject, error: FiresideError) -> ResponseObject:
    return msgspec.structs.replace(response, status="failed", error=ResponseError(error.message))


def usage_of(counts: Counts) -> ResponseUsage:
    read, written = counts.prompt_tokens, counts.completion_tokens
    details = InputDetails(counts.cached_tokens, read - counts.cached_tokens)
    return ResponseUsage(read, details, written, read + written)


def items_of(said: Gathered) -> tuple[OutputItem, ...]:
    """Return what was said as output items: thoughts, words, calls."""
    status: ItemStatus = "incomplete" if said.end.reason == "length" else "completed"
    items: list[OutputItem] = []
    if said.reasoning:
        items.append(OutputReasoning(fresh_id("rs"), status, (ReasoningText(said.reasoning),)))
    calls = said.tool_calls()
    if said.text or not calls:
        logprobs = said.all_logprobs()
        part = OutputText(said.text, (logprobs.content or ()) if logprobs else ())
        items.append(OutputMessage(fresh_id("msg"), status, (part,)))
    for call in calls:
        function = call.function
        items.append(OutputCall(fresh_id("fc"), call.id, function.name, function.arguments, status))
    return tuple(items)
