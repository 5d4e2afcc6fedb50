"""Embeddings of a server elsewhere: asked in OpenAI's way, told as vectors of length 1 in base64."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import msgspec

from fireside.engines.remote_body import beginning_of
from fireside.engines.remote_ids import are_ours, text_of
from fireside.errors import EngineError
from fireside.remotes.connection import Connection


class _Item(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[_Item]
    usage: _Usage = msgspec.field(default_factory=_Usage)


async def embedded(connection: Connection, model: str, asked: dict[str, Any]) -> bytes:
    """Return the answer to a request for embeddings, in the shape that the local engine has."""
    texts = [_own_text(given) for given in asked["input"]]
    body = {"model": model, "input": texts, "encoding_format": "float"}
    received = await connection.ask("/embeddings", msgspec.json.encode(body), beginning_of(body))
    try:
        answer = msgspec.json.decode(received, type=_Answer)
        if sorted(item.index for item in answer.data) != list(range(len(texts))):
            raise ValueError("not one vector for each text")
        data = [{"index": item.index, "embedding": packed(item.embedding)} for item in answer.data]
    except (msgspec.DecodeError, ValueError, struct.error, OverflowError, RecursionError) as error:
        raise EngineError(
            f"{connection.name} sent no embeddings: {error}", hint="check what that model was made for"
        ) from error
    return msgspec.json.encode({"data": data, "usage": {"prompt_tokens": answer.usage.prompt_tokens}})


def _own_text(given: str | list[int]) -> str | list[int]:
    """Return the text that ids of ours spell; a model's own ids are left as they are."""
    return text_of(given) if isinstance(given, list) and are_ours(given) else given


def packed(vector: str | list[float]) -> str:
    """Return a vector as base64 of little-endian 32-bit floats, of length 1.

    >>> packed([0.0, -2.0]) == base64.b64encode(struct.pack("<2f", 0.0, -1.0)).decode()
    True
    """
    if isinstance(vector, str):
        data = base64.b64decode(vector, validate=True)
        vector = list(struct.unpack(f"<{len(data) // 4}f", data))
    length = math.hypot(*vector)
    if not vector or not 0 < length < math.inf:
        raise ValueError("that is no direction")
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *(one / length for one in vector))).decode()
