"""Calls of functions for models whose template knows none: a prompt of our own, and a schema.

A required call is enforced: the engine may write nothing but JSON that fits one of the functions.
Where the model may choose, an answer that is such a call counts as one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from fireside.errors import AnswerInvalid
from fireside.server.openai.chunks import CallDelta, CallFunction, End, Piece, Said
from fireside.server.openai.requests import Function
from fireside.server.openai.schemas import Shape

EXPLANATION = """You can call these functions:

{functions}

To call one, answer with nothing but a JSON object of this form:
{{"name": "the function's name", "arguments": {{"argument": "value"}}}}"""
ORDER = "Answer now with such a JSON object only."
CHOICE = "Call one only where it helps; otherwise answer in plain words."
OPENINGS = ("{", "```")


class _Call(msgspec.Struct):
    name: str
    arguments: dict[str, Any]


def explanation(functions: tuple[Function, ...], *, required: bool) -> str:
    """Return the system text that tells a model what it may call."""
    lines = (
        json.dumps(
            {"name": one.name, "description": one.description or "", "parameters": one.parameters or {}},
            ensure_ascii=False,
        )
        for one in functions
    )
    return f"{EXPLANATION.format(functions=chr(10).join(lines))}\n\n{ORDER if required else CHOICE}"


def call_shape(functions: tuple[Function, ...]) -> Shape:
    """Return the shape of a call of one of `functions`.

    Each one's parameters become a part of the schema, and references within them follow.
    """
    definitions = {
        f"f{number}": _moved({"type": "object", **(function.parameters or {})}, f"#/$defs/f{number}")
        for number, function in enumerate(functions)
    }
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": function.name}, "arguments": {"$ref": f"#/$defs/{place}"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for place, function in zip(definitions, functions, strict=True)
    ]
    chosen = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return Shape({**chosen, "$defs": definitions})


def _moved(schema: Any, to: str) -> Any:
    """Return `schema` with its references right after it has moved.

    >>> _moved({"items": {"$ref": "#/$defs/A"}}, "#/$defs/f0")
    {'items': {'$ref': '#/$defs/f0/$defs/A'}}
    """
    if isinstance(schema, list):
        return [_moved(item, to) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: to + value[1:] if name == "$ref" and isinstance(value, str) else _moved(value, to)
        for name, value in schema.items()
    }


async def read_calls(
    said: AsyncIterator[Said], shape: Shape, *, required: bool
) -> AsyncGenerator[Said, None]:
    """Turn what is a call into one; what isn't passes as it is, unless a call is `required`.

    Only a text that begins like a call is held back. AnswerInvalid when a required call isn't there.
    """
    held: list[Piece] = []
    holding = True
    async for event in said:
        if isinstance(event, Piece) and holding:
            held.append(event)
            if not required and not _may_be_call("".join(piece.text for piece in held)):
                holding = False
                for piece in held:
                    yield piece
        elif isinstance(event, End) and holding:
            for last in _ending(held, event, shape, required=required):
                yield last
        else:
            yield event


def _ending(held: list[Piece], end: End, shape: Shape, *, required: bool) -> list[Said]:
    text = "".join(piece.text for piece in held)
    if required and end.reason == "length":
        raise AnswerInvalid(
            "the call was cut off by the limit of tokens", hint="raise it", param="max_completion_tokens"
        )
    try:
        call = _read_call(text, shape)
    except AnswerInvalid:
        if required:
            raise
        return [*held, end]
    return [Piece(calls=(call,)), msgspec.structs.replace(end, reason="tool_calls")]


def _read_call(text: str, shape: Shape) -> CallDelta:
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    call = msgspec.convert(shape.read(bare), _Call)
    arguments = msgspec.json.encode(call.arguments).decode()
    return CallDelta(CallFunction(call.name, arguments), 0, f"call_{secrets.token_hex(12)}", "function")


def _may_be_call(text: str) -> bool:
    """
    >>> _may_be_call('  {"na'), _may_be_call("``"), _may_be_call("Hello")
    (True, True, False)
    """
    begun = text.lstrip()
    return any(begun.startswith(opening) or opening.startswith(begun) for opening in OPENINGS)


async def checked(said: AsyncIterator[Said], shape: Shape) -> AsyncGenerator[Said, None]:
    """Pass everything on, and check the whole text at its end; AnswerInvalid instead of a wrong end.

    An answer cut off by the limit of tokens says so by its own reason.
    """
    texts: list[str] = []
    async for event in said:
        if isinstance(event, Piece):
            texts.append(event.text)
        elif isinstance(event, End) and event.reason == "stop":
            shape.read("".join(texts))
        yield event
