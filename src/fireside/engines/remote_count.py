"""How many tokens a request has: by the server's own tokenizer where it lends it, by estimate elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec

from fireside.engines.remote_ids import FRAME_TOKENS, spelled
from fireside.errors import FiresideError
from fireside.remotes.connection import Connection
from fireside.remotes.listing import RemoteModel

COUNT_S = 10.0


class _Count(msgspec.Struct):
    """vLLM's answer, llama.cpp's to a request, and llama.cpp's to a text."""

    count: int | None = None
    input_tokens: int | None = None
    tokens: list[int] | None = None

    @property
    def value(self) -> int:
        return self.count or self.input_tokens or len(self.tokens or ())


async def count(connection: Connection, model: RemoteModel, path: str, body: dict[str, Any]) -> int:
    """Return the tokens of a request's prompt, its template's frames included."""
    prompt = {name: body[name] for name in ("messages", "prompt", "tools") if body.get(name)}
    text = isinstance(body.get("prompt"), str)
    asked: tuple[str, dict[str, Any]] | None = None
    if model.server == "vllm" and (text or "messages" in prompt):
        asked = "//tokenize", prompt | {"model": model.name}
    elif model.server == "llamacpp" and "messages" in prompt:
        asked = f"{path}/input_tokens", prompt
    elif model.server == "llamacpp" and text:
        asked = "//tokenize", {"content": body["prompt"]}
    if asked:
        try:
            answer = await connection.ask(asked[0], msgspec.json.encode(asked[1]), timeout_s=COUNT_S)
            if tokens := msgspec.json.decode(answer, type=_Count).value:
                return tokens
        except (FiresideError, msgspec.DecodeError):
            pass  # an older version of it; the request itself will tell what is wrong
    return estimated(prompt)


def estimated(prompt: dict[str, Any]) -> int:
    """Return about how many tokens a prompt has, rather too many.

    >>> estimated({"messages": [{"role": "user", "content": "Hello"}]}), estimated({"prompt": [1, 2, 3]})
    (14, 3)
    """
    tokens = 0
    for message in prompt.get("messages", ()):
        others = {name: value for name, value in message.items() if name not in ("role", "content")}
        tokens += FRAME_TOKENS + _size(message.get("content")) + (_size(others) if others else 0)
    if prompt.get("messages"):
        tokens += FRAME_TOKENS
    tokens += sum(_size(tool) for tool in prompt.get("tools", ()))
    given = prompt.get("prompt", "")
    return tokens + (_size(given) if isinstance(given, str) else len(given))


def _size(value: Any) -> int:
    return (
        len(spelled(value if isinstance(value, str) else msgspec.json.encode(value).decode())) if value else 0
    )
