"""What Ollama's routes take. Fields and meanings: Ollama's API reference (docs/api.md there).

A field that would change the answer and isn't done here is refused by its name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fireside.errors import BadRequest
from fireside.messages import Probability, Stop, Value
from fireside.server.embeddings import MOST_TEXTS
from fireside.server.openai.requests import Function

MOST_MESSAGES = 4096
MOST_TOOLS = 128

KeepAlive = float | str | None
Thinks = bool | Literal["low", "medium", "high"] | None
Format = Literal["", "json"] | dict[str, Any] | None
Ids = Annotated[tuple[Annotated[int, Meta(ge=0, le=2**31 - 1)], ...], Meta(max_length=1_000_000)]
TopLogprobs = Annotated[int, Meta(ge=0, le=20)]
Ignored = Any


class Options(Value, frozen=True, kw_only=True):
    """How tokens are chosen, and how Ollama would load a model.

    Loading is the settings' business here: what only makes it faster or smaller (the last group) is
    accepted and has no effect; `num_ctx` may not ask for more than the engine has.
    """

    temperature: Annotated[float, Meta(ge=0.0, le=100.0)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    top_p: Probability | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    repeat_last_n: Annotated[int, Meta(ge=-1, le=1_000_000)] | None = None
    repeat_penalty: Annotated[float, Meta(gt=0.0, le=10.0)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2.0, le=2.0)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2.0, le=2.0)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    num_predict: Annotated[int, Meta(ge=-2, le=10_000_000)] | None = None
    stop: Stop | Annotated[tuple[Stop, ...], Meta(max_length=16)] | None = None
    mirostat: Literal[0, 1, 2] | None = None
    mirostat_tau: Annotated[float, Meta(ge=0.0, le=100.0)] | None = None
    mirostat_eta: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    num_ctx: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    num_keep: Ignored = None
    """what stays when a context overflows; here a reply ends instead"""
    num_batch: Ignored = None
    num_gpu: Ignored = None
    main_gpu: Ignored = None
    num_thread: Ignored = None
    numa: Ignored = None
    low_vram: Ignored = None
    f16_kv: Ignored = None
    use_mmap: Ignored = None
    use_mlock: Ignored = None


class CalledFunction(Value, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    arguments: dict[str, Any]
    index: int | None = None
    description: str | None = None


class ToolCall(Value, frozen=True):
    function: CalledFunction
    id: str | None = None
    type: Literal["function"] | None = None


class ChatMessage(Value, frozen=True):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: tuple[str, ...] | None = None
    """base64"""
    tool_calls: Annotated[tuple[ToolCall, ...], Meta(max_length=MOST_TOOLS)] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Tool(Value, frozen=True):
    function: Function
    type: Literal["function"] = "function"


class Named(Value, frozen=True, kw_only=True):
    """A request about a model; `name` is what older clients call `model`."""

    model: str | None = None
    name: str | None = None

    @property
    def wanted(self) -> str:
        given = self.model or self.name
        if not given:
            raise BadRequest("model: it is missing", hint='send {"model": "…"}', param="model")
        return given


class Asked(Value, frozen=True, kw_only=True):
    """What chatting and generating have in common."""

    model: Annotated[str, Meta(min_length=1)]
    stream: bool | None = None
    format: Format = None
    options: Options | None = None
    keep_alive: KeepAlive = None
    think: Thinks = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    truncate: Ignored = None
    shift: Ignored = None


class ChatRequest(Asked, frozen=True, kw_only=True):
    messages: Annotated[tuple[ChatMessage, ...], Meta(max_length=MOST_MESSAGES)] | None = None
    tools: Annotated[tuple[Tool, ...], Meta(max_length=MOST_TOOLS)] | None = None


class GenerateRequest(Asked, frozen=True, kw_only=True):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: Ids | None = None
    raw: bool | None = None
    images: tuple[Ignored, ...] | None = None


class ShowRequest(Named, frozen=True, kw_only=True):
    verbose: bool | None = None


class PullRequest(Named, frozen=True, kw_only=True):
    stream: bool | None = None
    insecure: bool | None = None


class EmbedRequest(Value, frozen=True, kw_only=True):
    model: Annotated[str, Meta(min_length=1)]
    input: str | Annotated[tuple[str, ...], Meta(max_length=MOST_TEXTS)] | None = None
    truncate: bool | None = None
    """whether a text that is too long is cut, which is what happens without it"""
    dimensions: Annotated[int, Meta(ge=0)] | None = None
    options: Options | None = None
    keep_alive: KeepAlive = None


class EmbeddingsRequest(Value, frozen=True, kw_only=True):
    """The older form: one text."""

    model: Annotated[str, Meta(min_length=1)]
    prompt: str | None = None
    options: Options | None = None
    keep_alive: KeepAlive = None


def stops_of(options: Options | None) -> tuple[str, ...]:
    stop = options.stop if options else None
    return (stop,) if isinstance(stop, str) else stop or ()


def mirostat_of(options: Options | None) -> dict[str, Any]:
    """Return the options that only the engine's own interface has."""
    names = ("mirostat", "mirostat_tau", "mirostat_eta")
    return {name: value for name in names if (value := getattr(options, name, None)) is not None}


def sampled_of(options: Options | None) -> dict[str, Any]:
    """Return the options that OpenAI-style requests have too, by their names there.

    >>> sampled_of(Options(num_predict=-1, seed=-1, top_k=3))
    {'top_k': 3}
    """
    if options is None:
        return {}
    shared = (
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
        "repeat_last_n",
        "repeat_penalty",
        "presence_penalty",
        "frequency_penalty",
        "seed",
    )
    named = {name: value for name in shared if (value := getattr(options, name)) is not None}
    if named.get("seed", 0) < 0:
        del named["seed"]
    if options.num_predict is not None and options.num_predict > 0:
        named["max_tokens"] = options.num_predict
    return named


def check(asked: Asked) -> None:
    """Refuse what can't be combined."""
    if asked.top_logprobs is not None and not asked.logprobs:
        raise BadRequest("top_logprobs needs logprobs", hint='send "logprobs": true', param="top_logprobs")


def decode_arguments(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text or "{}", type=dict[str, Any])
