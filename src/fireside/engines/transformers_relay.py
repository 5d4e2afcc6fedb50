"""OpenAI-style requests for the `transformers` engine, answered by the same parts as conversations.

Requests come checked from the server, in the shapes that llama.cpp's server takes; answers have that
server's shapes, too. What can't be done is refused by its name and never passed over.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

import msgspec

from fireside.engines.protocol import Ended, EngineInfo, Generated, Piece, Reading
from fireside.engines.stop_strings import StopStrings
from fireside.engines.thoughts import BEGIN, Thoughts
from fireside.errors import BadRequest, ContextLengthExceeded, NoEmbeddings

CHOICE = (
    *("temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "repeat_last_n"),
    *("presence_penalty", "frequency_penalty", "seed", "logit_bias"),
)
TAKEN = frozenset((*CHOICE, "stop", "max_tokens", "messages", "prompt", "chat_template_kwargs"))
ASKED_ALWAYS = frozenset(
    ("stream", "stream_options", "return_progress", "timings_per_token", "model", "cache_prompt")
)
"""what says how to answer: always as a stream with everything in it"""
INSTEAD = {
    "response_format": (
        "this engine can't hold an answer to a format (a required call of a function needs that, too): "
        "ask in words, or use a GGUF model"
    ),
    "logprobs": "leave it out, or use a GGUF model",
}


class Engine(Protocol):
    """What of the engine is needed here."""

    info: EngineInfo

    async def render_told(self, turns: list[dict[str, str]], *, reasoning: bool | None = None) -> str: ...

    async def tokenize(self, text: str, *, special: bool, whole: bool = False) -> tuple[int, ...]: ...

    def generate_with(
        self, prompt: Sequence[int], choice: dict[str, object], *, max_tokens: int
    ) -> AsyncGenerator[Generated, None]: ...


async def relayed(engine: Engine, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
    """Yield the data of the answer's events, `[DONE]` last; see `engines.protocol.Engine.relay`."""
    if path.endswith("/embeddings"):
        raise NoEmbeddings(
            f"{engine.info.model} writes; it makes no embeddings", hint="name an embedding model"
        )
    asked: dict[str, Any] = msgspec.json.decode(body)
    if path.endswith("/input_tokens"):
        yield msgspec.json.encode({"input_tokens": len((await _prompt(engine, asked)).ids)})
        return
    _check(asked)
    prompt = await _prompt(engine, asked)
    room = engine.info.context_length - len(prompt.ids)
    if room < 1:
        raise ContextLengthExceeded(
            f"the prompt has {len(prompt.ids)} tokens; the model's window is {engine.info.context_length}",
            hint="shorten the message, or choose a model with a larger window",
        )
    thoughts = Thoughts(begun=prompt.thinks) if engine.info.reasons else None
    answer = _Answer(thoughts, is_chat=path.endswith("/chat/completions"))
    stops = StopStrings(tuple(asked.get("stop") or ()))
    choice = {name: asked[name] for name in CHOICE if asked.get(name) is not None}
    wanted = asked.get("max_tokens")
    limit = room if wanted is None else min(wanted, room)
    steps = engine.generate_with(prompt.ids, choice, max_tokens=limit)
    async with aclosing(steps) as generated:
        async for data in _told(generated, answer, stops):
            yield msgspec.json.encode(data)
    yield b"[DONE]"


def _check(asked: dict[str, Any]) -> None:
    for name, value in asked.items():
        if name not in TAKEN | ASKED_ALWAYS and value is not None:
            raise BadRequest(
                f"{name} isn't supported by the engine that this model needs (transformers)",
                hint=INSTEAD.get(name, "leave it out"),
                param=name,
            )


class _Prompt(NamedTuple):
    ids: tuple[int, ...]
    thinks: bool = False
    """whether it ends in the beginning of thoughts"""


async def _prompt(engine: Engine, asked: dict[str, Any]) -> _Prompt:
    """Return the prompt's ids: of messages by the model's template, of a text as it is, or as they came."""
    if "messages" in asked:
        choices = asked.get("chat_template_kwargs") or {}
        rendered = await engine.render_told(asked["messages"], reasoning=choices.get("enable_thinking"))
        ids = await engine.tokenize(rendered, special=True)
        return _Prompt(ids, thinks=rendered.rstrip().endswith(BEGIN))
    prompt = asked.get("prompt", "")
    if isinstance(prompt, str):
        return _Prompt(await engine.tokenize(prompt, special=True, whole=True))
    return _Prompt(tuple(prompt))


async def _told(
    generated: AsyncGenerator[Generated, None], answer: _Answer, stops: StopStrings
) -> AsyncGenerator[dict[str, Any], None]:
    async for step in generated:
        if isinstance(step, Reading):
            if first := answer.begun(step):
                yield first
        elif isinstance(step, Piece):
            answer.tokens += len(step.ids)
            for data in answer.pieces(stops.feed(step.text)):
                yield data
            if stops.met:
                yield answer.end("stop")
                return
        elif isinstance(step, Ended):
            answer.tokens = step.completion_tokens
            for data in (*answer.pieces(stops.rest()), *answer.last_pieces()):
                yield data
            yield answer.end(step.reason)


class _Answer:
    """Writes what is generated as llama.cpp's server does (its README, "POST /v1/chat/completions")."""

    def __init__(self, thoughts: Thoughts | None, *, is_chat: bool) -> None:
        self._thoughts = thoughts if is_chat else None
        self._is_chat = is_chat
        self._reading: Reading | None = None
        self.tokens = 0

    def begun(self, reading: Reading) -> dict[str, Any] | None:
        """Return the first event; nothing when it was told already."""
        if self._reading:
            return None
        self._reading = reading
        choice = self._choice({"role": "assistant", "content": None}, "")
        return {"choices": [choice], "prompt_progress": _progress(reading)}

    def pieces(self, text: str) -> list[dict[str, Any]]:
        return self._split(*(self._thoughts.feed(text) if self._thoughts else ("", text)))

    def last_pieces(self) -> list[dict[str, Any]]:
        return self._split(*(self._thoughts.rest() if self._thoughts else ("", "")))

    def _split(self, thought: str, said: str) -> list[dict[str, Any]]:
        told = (("reasoning_content", thought), ("content", said))
        return [
            {"choices": [self._choice({name: text}, text)], "timings": {"predicted_n": self.tokens}}
            for name, text in told
            if text
        ]

    def _choice(self, delta: dict[str, Any], text: str) -> dict[str, Any]:
        return {"index": 0, "delta": delta} if self._is_chat else {"index": 0, "text": text}

    def end(self, reason: str) -> dict[str, Any]:
        reading = self._reading or Reading(0, 0, 0)
        return {
            "choices": [self._choice({}, "") | {"finish_reason": reason}],
            "usage": _usage(reading, self.tokens),
            "timings": {"predicted_n": self.tokens},
        }


def _progress(reading: Reading) -> dict[str, int]:
    return {"total": reading.prompt_tokens, "cache": reading.cached_tokens, "processed": reading.done_tokens}


def _usage(reading: Reading, tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": reading.prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": reading.prompt_tokens + tokens,
        "prompt_tokens_details": {"cached_tokens": reading.cached_tokens},
    }
