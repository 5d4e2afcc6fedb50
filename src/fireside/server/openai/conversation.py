"""The messages of a chat request, and how an engine is given them."""

from __future__ import annotations

import json
from typing import Annotated, Any

from msgspec import Meta

from fireside.errors import BadPicture, BadRequest
from fireside.messages import Value
from fireside.pictures import MOST_PICTURES, check_unpacked, from_url
from fireside.server.openai.functions import explanation
from fireside.server.openai.requests import MOST_MESSAGES, MOST_TOOLS, Function

KIND = "data:image/png;base64,"
"""what the engine is told, which looks into the picture itself"""
NO_EYES = "this model reads text only"


class TextPart(Value, tag_field="type", tag="text", frozen=True):
    text: str


class RefusalPart(Value, tag_field="type", tag="refusal", frozen=True):
    refusal: str


class ImageAddress(Value, frozen=True):
    url: str
    """a `data:` URL: no other address is asked"""
    detail: str | None = None


class ImagePart(Value, tag_field="type", tag="image_url", frozen=True):
    image_url: ImageAddress


class AudioPart(Value, tag_field="type", tag="input_audio", frozen=True):
    input_audio: Any


class FilePart(Value, tag_field="type", tag="file", frozen=True):
    file: Any


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart
Content = str | tuple[Part, ...] | None


class CalledFunction(Value, frozen=True):
    name: str
    arguments: str


class Call(Value, tag_field="type", tag="function", frozen=True):
    id: str
    function: CalledFunction


class SystemMessage(Value, tag_field="role", tag="system", frozen=True):
    content: Content
    name: str | None = None


class DeveloperMessage(Value, tag_field="role", tag="developer", frozen=True):
    content: Content
    name: str | None = None


class UserMessage(Value, tag_field="role", tag="user", frozen=True):
    content: Content
    name: str | None = None


class AssistantMessage(Value, tag_field="role", tag="assistant", frozen=True):
    """What the model said before. The last fields come back from clients that send a whole answer."""

    content: Content = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[tuple[Call, ...], Meta(max_length=MOST_TOOLS)] | None = None
    reasoning_content: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None


class ToolMessage(Value, tag_field="role", tag="tool", frozen=True):
    content: Content
    tool_call_id: str
    name: str | None = None


ChatMessage = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage
Messages = Annotated[tuple[ChatMessage, ...], Meta(min_length=1, max_length=MOST_MESSAGES)]


def picture(media_type: str, data: str) -> ImagePart:
    """Return the part for a picture in base64."""
    return ImagePart(ImageAddress(f"data:{media_type};base64,{data}"))


def text_of(content: Content, field: str) -> str:
    """Return what a message says; BadRequest names a part that the model can't take in."""
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(_text(part, f"{field}.content[{number}]") for number, part in enumerate(content))


def _text(part: Part, field: str) -> str:
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, RefusalPart):
        return part.refusal
    if isinstance(part, ImagePart):
        raise BadRequest(f"{field}: only a user's message has pictures", hint="send text", param=field)
    kind = "input_audio" if isinstance(part, AudioPart) else "file"
    raise BadRequest(f"{field}: {NO_EYES}, not {kind}", hint="send text", param=field)


def check(messages: Messages) -> str | None:
    """Refuse what no model can be given; return where the first picture is, None where there is none."""
    shown: list[str] = []
    for number, message in enumerate(messages):
        field = f"messages[{number}]"
        if isinstance(message, UserMessage) and not isinstance(message.content, str | None):
            for place, part in enumerate(message.content):
                where = f"{field}.content[{place}]"
                if isinstance(part, ImagePart):
                    from_url(part.image_url.url, where)
                    shown.append(where)
                else:
                    _text(part, where)
        else:
            text_of(message.content, field)
    if len(shown) > MOST_PICTURES:
        raise BadPicture(
            f"{len(shown)} pictures; {MOST_PICTURES} is the most", hint="send fewer", param="messages"
        )
    return shown[0] if shown else None


def _seen(content: Content) -> str | list[dict[str, Any]]:
    """Return what a user's message says and shows."""
    if isinstance(content, str | None) or not any(isinstance(part, ImagePart) for part in content):
        return text_of(content, "messages")
    return [
        {"type": "image_url", "image_url": {"url": KIND + part.image_url.url.partition(",")[2]}}
        if isinstance(part, ImagePart)
        else {"type": "text", "text": _text(part, "messages")}
        for part in content
    ]


def check_pictures(messages: list[dict[str, Any]]) -> None:
    """Refuse pictures of which an engine would unpack too much. It takes time: not in the event loop."""
    for number, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if part["type"] == "image_url":
                where = f"messages[{number}].content[{place}]"
                check_unpacked(from_url(part["image_url"]["url"], where), where)


def native(messages: Messages) -> list[dict[str, Any]]:
    """Return the messages for a template that knows calls of functions."""
    return [_native(message) for message in messages]


def _native(message: ChatMessage) -> dict[str, Any]:
    if isinstance(message, UserMessage):
        return {"role": "user", "content": _seen(message.content)}
    text = text_of(message.content, "messages")
    match message:
        case SystemMessage() | DeveloperMessage():
            return {"role": "system", "content": text}
        case ToolMessage():
            return {"role": "tool", "content": text, "tool_call_id": message.tool_call_id}
        case AssistantMessage():
            said: dict[str, Any] = {"role": "assistant", "content": text}
            if message.reasoning_content:
                said["reasoning_content"] = message.reasoning_content
            if message.tool_calls:
                said["tool_calls"] = [_native_call(call) for call in message.tool_calls]
            return said


def _native_call(call: Call) -> dict[str, Any]:
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}


def plain(messages: Messages, functions: tuple[Function, ...], *, required: bool) -> list[dict[str, Any]]:
    """Return the messages for a template that knows no calls: they are told in words.

    >>> plain((UserMessage("Hi"), ToolMessage("sunny", "1")), (), required=False)[1]
    {'role': 'user', 'content': 'The function answered: sunny'}
    """
    told = [_plain(message) for message in messages]
    if not functions:
        return told
    text = explanation(functions, required=required)
    if told[0]["role"] == "system":
        return [{"role": "system", "content": f"{told[0]['content']}\n\n{text}"}, *told[1:]]
    return [{"role": "system", "content": text}, *told]


def _plain(message: ChatMessage) -> dict[str, Any]:
    if isinstance(message, UserMessage):
        return _native(message)
    text = text_of(message.content, "messages")
    if isinstance(message, ToolMessage):
        return {"role": "user", "content": f"The function answered: {text}"}
    if isinstance(message, AssistantMessage) and message.tool_calls:
        calls = "\n".join(_told(call.function) for call in message.tool_calls)
        return {"role": "assistant", "content": f"{text}\n{calls}".strip()}
    role = message.__struct_config__.tag
    return {"role": "system" if role == "developer" else str(role), "content": text}


def _told(function: CalledFunction) -> str:
    return f'{{"name": {json.dumps(function.name)}, "arguments": {function.arguments}}}'
