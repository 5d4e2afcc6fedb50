"""What `POST /v1/responses` takes (OpenAI's API reference, "Responses"), and the chat it means.

Nothing is stored here, so that a request brings its whole conversation along.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fireside.errors import BadRequest
from fireside.messages import Probability, Value
from fireside.pictures import from_url
from fireside.server.openai import conversation as chat
from fireside.server.openai.chat import Wish, checked_shape
from fireside.server.openai.requests import (
    MOST_MESSAGES,
    MOST_TOOLS,
    Count,
    Effort,
    Function,
    Name,
    Notes,
    Schema,
    StreamOptions,
    Tier,
    chosen_tools,
)
from fireside.server.openai.schemas import Shape
from fireside.server.wire import parse


class InputText(Value, tag_field="type", tag="input_text", frozen=True):
    text: str


class OutputText(Value, tag_field="type", tag="output_text", frozen=True):
    text: str
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class Refusal(Value, tag_field="type", tag="refusal", frozen=True):
    refusal: str


class InputImage(Value, tag_field="type", tag="input_image", frozen=True):
    image_url: str | None = None
    file_id: Any = None
    detail: Any = None


InputPart = InputText | OutputText | Refusal | InputImage
Status = Literal["in_progress", "completed", "incomplete"]


class InputMessage(Value, tag_field="type", tag="message", frozen=True):
    """A message; its `type` may be left out."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | tuple[InputPart, ...]
    id: str | None = None
    status: Status | None = None
    phase: str | None = None


class InputCall(Value, tag_field="type", tag="function_call", frozen=True):
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: Status | None = None
    caller: None = None
    namespace: None = None


class InputCallOutput(Value, tag_field="type", tag="function_call_output", frozen=True):
    call_id: str
    output: str | tuple[InputText, ...]
    id: str | None = None
    status: Status | None = None


class InputReasoning(Value, tag_field="type", tag="reasoning", frozen=True):
    """What the model thought earlier; templates leave it out of later turns, and so is it here."""

    id: str | None = None
    summary: list[Any] | None = None
    content: list[Any] | None = None
    encrypted_content: str | None = None
    status: Status | None = None


Item = InputMessage | InputCall | InputCallOutput | InputReasoning


class ResponseTool(Value, tag_field="type", tag="function", frozen=True):
    name: Name
    parameters: Schema | None = None
    strict: bool | None = None
    description: str | None = None


class ChosenTool(Value, tag_field="type", tag="function", frozen=True):
    name: str


class TextFormat(Value, tag_field="type", tag="text", frozen=True):
    pass


class ObjectFormat(Value, tag_field="type", tag="json_object", frozen=True):
    pass


class SchemaFormat(Value, tag_field="type", tag="json_schema", frozen=True):
    name: Name
    schema: Schema
    description: str | None = None
    strict: bool | None = None


class TextWish(Value, frozen=True):
    format: TextFormat | ObjectFormat | SchemaFormat | None = None
    verbosity: Literal["medium"] | None = None


class Reasoning(Value, frozen=True):
    effort: Effort | None = None
    summary: None = None
    generate_summary: None = None


Include = Literal["message.output_text.logprobs", "reasoning.encrypted_content"]
ResponseTools = Annotated[tuple[ResponseTool, ...], Meta(max_length=MOST_TOOLS)]
ResponseChoice = Literal["none", "auto", "required"] | ChosenTool


class ResponsesRequest(Value, frozen=True, kw_only=True):
    input: str | Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MOST_MESSAGES)]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=100.0)] | None = None
    top_p: Probability | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: ResponseTools | None = None
    tool_choice: ResponseChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextWish | None = None
    reasoning: Reasoning | None = None
    include: tuple[Include, ...] | None = None
    truncation: Literal["disabled"] | None = None
    background: Literal[False] | None = None
    # What only annotates.
    user: str | None = None
    metadata: Notes | None = None
    store: bool | None = None
    service_tier: Tier | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    # What can't be done: null at the most.
    previous_response_id: None = None
    conversation: None = None
    prompt: None = None
    max_tool_calls: None = None
    context_management: None = None


def wish_of(asked: ResponsesRequest) -> Wish:
    """Return the chat that a request means; BadRequest names what can't be done."""
    choice = asked.tool_choice
    name = choice.name if isinstance(choice, ChosenTool) else None
    described = tuple(
        Function(tool.name, tool.description, tool.parameters, tool.strict) for tool in asked.tools or ()
    )
    wants_logprobs = "message.output_text.logprobs" in (asked.include or ())
    return Wish(
        messages=_messages(asked),
        model=asked.model,
        temperature=asked.temperature,
        top_p=asked.top_p,
        max_tokens=asked.max_output_tokens,
        functions=chosen_tools(described, None if isinstance(choice, ChosenTool) else choice, name),
        required=name is not None or choice == "required",
        parallel=asked.parallel_tool_calls is not False,
        top_logprobs=asked.top_logprobs or (0 if wants_logprobs else None),
        shape=_shape(asked.text.format if asked.text else None),
        messages_field="input",
        tools_field="tools[{}].parameters",
        shape_field="text.format",
    )


def _shape(wanted: TextFormat | ObjectFormat | SchemaFormat | None) -> Shape | None:
    if isinstance(wanted, ObjectFormat):
        return Shape({"type": "object"})
    if isinstance(wanted, SchemaFormat):
        return checked_shape(wanted.schema, "text.format.schema")
    return None


def _messages(asked: ResponsesRequest) -> tuple[chat.ChatMessage, ...]:
    messages: list[chat.ChatMessage] = []
    if asked.instructions:
        messages.append(chat.SystemMessage(asked.instructions))
    if isinstance(asked.input, str):
        return (*messages, chat.UserMessage(asked.input))
    for number, given in enumerate(asked.input):
        _add(messages, _item(given, number), f"input[{number}]")
    if not messages:
        raise BadRequest("input: there is no message in it", hint="send one", param="input")
    return tuple(messages)


def _item(given: dict[str, Any], number: int) -> Item:
    try:
        return parse(msgspec.json.encode({"type": "message", **given}), Item)  # type: ignore[arg-type]
    except BadRequest as error:
        field = f"input[{number}]" + (f".{error.param}" if error.param else "")
        raise BadRequest(f"input[{number}]: {error.message}", hint=error.hint, param=field) from error


def _add(messages: list[chat.ChatMessage], item: Item, field: str) -> None:
    match item:
        case InputMessage():
            messages.append(_message(item, field))
        case InputCall():
            call = chat.Call(item.call_id, chat.CalledFunction(item.name, item.arguments))
            last = messages[-1] if messages else None
            if isinstance(last, chat.AssistantMessage):
                calls = (*(last.tool_calls or ()), call)
                messages[-1] = msgspec.structs.replace(last, tool_calls=calls)
            else:
                messages.append(chat.AssistantMessage(tool_calls=(call,)))
        case InputCallOutput():
            output = item.output
            text = output if isinstance(output, str) else "\n".join(part.text for part in output)
            messages.append(chat.ToolMessage(text, item.call_id))
        case InputReasoning():
            pass


def _message(item: InputMessage, field: str) -> chat.ChatMessage:
    parts = () if isinstance(item.content, str) else item.content
    if item.role == "user" and any(isinstance(part, InputImage) for part in parts):
        return chat.UserMessage(_seen(parts, field))
    text = item.content if isinstance(item.content, str) else _text(item.content, field)
    match item.role:
        case "user":
            return chat.UserMessage(text)
        case "assistant":
            return chat.AssistantMessage(text)
        case "system" | "developer":
            return chat.SystemMessage(text)


def _text(parts: tuple[InputPart, ...], field: str) -> str:
    texts = []
    for number, part in enumerate(parts):
        if isinstance(part, InputImage):
            where = f"{field}.content[{number}]"
            raise BadRequest(f"{where}: only a user's message has pictures", hint="send text", param=where)
        texts.append(part.refusal if isinstance(part, Refusal) else part.text)
    return "\n".join(texts)


def _seen(parts: tuple[InputPart, ...], field: str) -> tuple[chat.TextPart | chat.ImagePart, ...]:
    """Return what a person says and shows."""
    seen: list[chat.TextPart | chat.ImagePart] = []
    for number, part in enumerate(parts):
        if isinstance(part, InputImage):
            from_url(part.image_url or "", f"{field}.content[{number}]")
            seen.append(chat.ImagePart(chat.ImageAddress(part.image_url or "")))
        else:
            seen.append(chat.TextPart(_text((part,), f"{field}.content[{number}]")))
    return tuple(seen)
