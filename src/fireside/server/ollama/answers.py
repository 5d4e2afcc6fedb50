"""What Ollama's routes answer. Shapes: Ollama's API reference; durations are nanoseconds."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from fireside.errors import FiresideError
from fireside.server.errors import message_of
from fireside.server.ollama.names import Details, time_text
from fireside.server.openai.chunks import End, TokenLogprob

NS_PER_MS = 1_000_000
DoneReason = Literal["stop", "length", "load", "unload"]


class Failure(msgspec.Struct, frozen=True):
    error: str


class Likelihood(msgspec.Struct, frozen=True, omit_defaults=True):
    token: str
    logprob: float | None
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple[Likelihood, ...] = ()


class AnsweredFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: dict[str, Any]
    index: int = 0


class AnsweredCall(msgspec.Struct, frozen=True):
    function: AnsweredFunction
    id: str


class AnswerMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    role: Literal["assistant"]
    content: str
    thinking: str = ""
    tool_calls: tuple[AnsweredCall, ...] = ()


class Line(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One line of an answer; the last one, or the only one, has the counts."""

    model: str
    created_at: str
    done: bool
    done_reason: DoneReason | None = None
    logprobs: tuple[Likelihood, ...] = ()
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


class ChatLine(Line, kw_only=True):
    message: AnswerMessage


class GenerateLine(Line, kw_only=True):
    response: str
    context: tuple[int, ...] | None = None


class Embeddings(msgspec.Struct, frozen=True):
    model: str
    embeddings: tuple[tuple[float, ...], ...]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class OneEmbedding(msgspec.Struct, frozen=True):
    embedding: tuple[float, ...]


class Tag(msgspec.Struct, frozen=True):
    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details


class Tags(msgspec.Struct, frozen=True):
    models: tuple[Tag, ...]


class Shown(msgspec.Struct, frozen=True):
    modelfile: str
    parameters: str
    template: str
    license: str
    details: Details
    model_info: dict[str, Any]
    capabilities: tuple[str, ...]
    modified_at: str


class Loaded(msgspec.Struct, frozen=True):
    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int


class Processes(msgspec.Struct, frozen=True):
    models: tuple[Loaded, ...]


class Version(msgspec.Struct, frozen=True):
    version: str


class Pulling(msgspec.Struct, frozen=True, omit_defaults=True):
    status: str
    digest: str | None = None
    total: int | None = None
    completed: int | None = None


class Watch:
    """Measures one answer: when it was asked for, when the model was ready, when it ended."""

    def __init__(self) -> None:
        self._asked_ns = time.monotonic_ns()
        self._ready_ns = self._asked_ns

    def ready(self) -> None:
        self._ready_ns = time.monotonic_ns()

    @property
    def total_ns(self) -> int:
        return time.monotonic_ns() - self._asked_ns

    @property
    def load_ns(self) -> int:
        return self._ready_ns - self._asked_ns

    def ending(self, end: End) -> dict[str, Any]:
        """Return the fields of the last line, by name."""
        return {
            "done": True,
            "done_reason": "length" if end.reason == "length" else "stop",
            "total_duration": self.total_ns,
            "load_duration": self.load_ns,
            "prompt_eval_count": end.counts.prompt_tokens,
            "prompt_eval_duration": round(end.timings.prompt_ms * NS_PER_MS),
            "eval_count": end.counts.completion_tokens,
            "eval_duration": round(end.timings.predicted_ms * NS_PER_MS),
        }


def now() -> str:
    return time_text(time.time())


def line(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def failure_of(error: FiresideError, status: int) -> bytes:
    """Return an error's body: what is wrong and what to do about it, in one text."""
    return msgspec.json.encode(Failure("; ".join(filter(None, (message_of(error), error.hint)))))


def likelihoods(tokens: tuple[TokenLogprob, ...], top: int = 20) -> tuple[Likelihood, ...]:
    """Return the tokens' likelihoods, each with the `top` likeliest in its place."""
    return tuple(
        Likelihood(
            one.token,
            one.logprob,
            one.bytes,
            tuple(Likelihood(other.token, other.logprob, other.bytes) for other in one.top_logprobs[:top]),
        )
        for one in tokens
    )
