"""From Anthropic's request to the one that engines are asked with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from fireside.errors import BadRequest
from fireside.pictures import decoded
from fireside.server.anthropic.requests import (
    AnyChoice,
    Asked,
    Block,
    Document,
    Image,
    InputMessage,
    MessagesRequest,
    NoChoice,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from fireside.server.openai.chat import Wish, checked_shape
from fireside.server.openai.conversation import (
    NO_EYES,
    AssistantMessage,
    Call,
    CalledFunction,
    ChatMessage,
    ImagePart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
    picture,
)
from fireside.server.openai.requests import Function, chosen_tools
from fireside.server.openai.schemas import check_schema

KINDS = {"user": UserMessage, "assistant": AssistantMessage, "system": SystemMessage}
CHOICES: dict[type, Literal["none", "required"]] = {NoChoice: "none", AnyChoice: "required"}


def wish_of(asked: Asked) -> Wish:
    """Return what is asked of the model; BadRequest names what can't be done."""
    choice = asked.tool_choice
    name = choice.name if isinstance(choice, ToolChoice) else None
    functions = tuple(_function(tool, f"tools[{number}]") for number, tool in enumerate(asked.tools))
    format_ = asked.output_config.format if asked.output_config else None
    wish = Wish(
        model=asked.model,
        messages=tuple(_messages(asked)),
        functions=chosen_tools(functions, CHOICES.get(type(choice)), name),
        required=isinstance(choice, AnyChoice | ToolChoice),
        parallel=not getattr(choice, "disable_parallel_tool_use", False),
        shape=checked_shape(format_.schema, "output_config.format.schema") if format_ else None,
    )
    return _sampled(wish, asked) if isinstance(asked, MessagesRequest) else wish


def _sampled(wish: Wish, asked: MessagesRequest) -> Wish:
    return msgspec.structs.replace(
        wish,
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
    )


def _function(tool: Tool, field: str) -> Function:
    check_schema(tool.input_schema, f"{field}.input_schema")
    return Function(tool.name, tool.description, tool.input_schema)


def _messages(asked: Asked) -> Iterator[ChatMessage]:
    system = asked.system
    if system:
        texts = [system] if isinstance(system, str) else [block.text for block in system]
        yield SystemMessage("\n\n".join(texts))
    for number, message in enumerate(asked.messages):
        yield from _message(message, f"messages[{number}]")


def _message(message: InputMessage, field: str) -> Iterator[ChatMessage]:
    if isinstance(message.content, str):
        yield KINDS[message.role](message.content)
    elif message.role == "system":
        yield SystemMessage("\n\n".join(_texts(message.content, field, "system")))
    elif message.role == "user":
        yield from _from_user(message.content, field)
    else:
        yield _from_assistant(message.content, field)


def _from_user(content: Sequence[Block], field: str) -> Iterator[ChatMessage]:
    """Results of tools are messages of their own, before the words that came with them."""
    said: list[TextPart | ImagePart] = []
    for number, block in enumerate(content):
        where = f"{field}.content[{number}]"
        match block:
            case Text():
                said.append(TextPart(block.text))
            case Image():
                said.append(_picture(block, where))
            case ToolResult():
                yield ToolMessage(_result(block, where), block.tool_use_id)
            case _:
                raise _refused(block, where, "user")
    if any(isinstance(part, ImagePart) for part in said):
        yield UserMessage(tuple(said))
    elif said or not content:
        yield UserMessage("\n\n".join(part.text for part in said if isinstance(part, TextPart)))


def _picture(block: Image, field: str) -> ImagePart:
    if block.source.type != "base64":
        raise BadRequest(
            f"{field}: only pictures in the request itself are looked at",
            hint='send the source {"type": "base64", …}; addresses are never fetched',
            param=field,
        )
    decoded(block.source.data, field)
    return picture(block.source.media_type, block.source.data)


def _from_assistant(content: Sequence[Block], field: str) -> AssistantMessage:
    words: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    for number, block in enumerate(content):
        match block:
            case Text():
                words.append(block.text)
            case Thinking():
                thoughts.append(block.thinking)
            case ToolUse():
                arguments = msgspec.json.encode(block.input).decode()
                calls.append(Call(block.id, CalledFunction(block.name, arguments)))
            case _:
                raise _refused(block, f"{field}.content[{number}]", "assistant")
    return AssistantMessage(
        "\n\n".join(words),
        tool_calls=tuple(calls) or None,
        reasoning_content="\n\n".join(thoughts) or None,
    )


def _result(block: ToolResult, field: str) -> str:
    content = block.content or ""
    text = content if isinstance(content, str) else "\n\n".join(_texts(content, field, "user"))
    return f"Error: {text}" if block.is_error else text


def _texts(blocks: Sequence[Block], field: str, role: str) -> list[str]:
    """Return the texts of blocks that must all be text."""
    words = []
    for number, block in enumerate(blocks):
        if not isinstance(block, Text):
            raise _refused(block, f"{field}.content[{number}]", role)
        words.append(block.text)
    return words


def _refused(block: Block, field: str, role: str) -> BadRequest:
    kind = block.__struct_config__.tag
    why = NO_EYES if isinstance(block, Image | Document) else f"a message of the {role} has no such block"
    return BadRequest(f"{field}: {kind}: {why}", hint="send text", param=field)
