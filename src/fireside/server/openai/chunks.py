"""What an engine streams for an OpenAI-style request, read into values once.

Shapes: llama.cpp, tools/server/README.md, "POST /v1/chat/completions" and "POST /v1/completions".
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal

import msgspec

from fireside.engines.llamacpp_stream import Fault, PromptProgress, as_error
from fireside.errors import ContextLengthExceeded, EngineError
from fireside.messages import Receipt

Reason = Literal["stop", "length", "tool_calls"]


class TopToken(msgspec.Struct, frozen=True):
    token: str
    logprob: float | None
    bytes: tuple[int, ...] | None = None


class TokenLogprob(msgspec.Struct, frozen=True):
    token: str
    logprob: float | None
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple[TopToken, ...] = ()


class Logprobs(msgspec.Struct, frozen=True):
    content: tuple[TokenLogprob, ...] | None = None
    refusal: None = None


class CallFunction(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str | None = None
    arguments: str = msgspec.field(default_factory=str)


class CallDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a call of a function; id and name come with its first part."""

    function: CallFunction
    index: int = msgspec.field(default_factory=int)
    id: str | None = None
    type: Literal["function"] | None = None


class Piece(msgspec.Struct, frozen=True):
    """What was said next."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[CallDelta, ...] = ()
    logprobs: Logprobs | None = None
    tokens: int = 0
    """how many were generated so far, where the request asked for `timings_per_token`"""


class Begun(msgspec.Struct, frozen=True):
    """The engine has taken the request and reads it: tokens in all, and those it had read before."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    receipt: Receipt | None = None
    """of a request that asked to be fitted"""


class Counts(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Timings(msgspec.Struct, frozen=True):
    """The engine's own: how long it read, how long it wrote, and how many tokens."""

    prompt_ms: float = 0.0
    predicted_ms: float = 0.0
    predicted_n: int = 0


class End(msgspec.Struct, frozen=True):
    """Always the last one."""

    reason: Reason
    counts: Counts
    timings: Timings = Timings()


Said = Begun | Piece | End


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[CallDelta, ...] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str = ""
    finish_reason: Reason | None = None
    logprobs: Logprobs | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Chunk(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    timings: Timings | None = None
    prompt_progress: PromptProgress | None = None
    error: Fault | None = None


_chunks = msgspec.json.Decoder(_Chunk)


async def spoken(
    events: AsyncIterator[bytes], prompt_field: str, receipt: Receipt | None = None
) -> AsyncGenerator[Said, None]:
    """Yield what the engine's events say: Begun (with the `receipt`, if any), pieces, End.

    ContextLengthExceeded names `prompt_field`; EngineError for an answer that can't be read.
    """
    reason: Reason = "stop"
    counts = Counts()
    timings = Timings()
    begun = False
    try:
        async for data in events:
            if data == b"[DONE]":
                break
            chunk = _decoded(data)
            if not begun:
                begun = True
                yield msgspec.structs.replace(_begun(chunk), receipt=receipt)
            timings = chunk.timings or timings
            for choice in chunk.choices:
                reason = choice.finish_reason or reason
                if piece := _piece(choice, timings.predicted_n):
                    yield piece
            if chunk.usage:
                counts = _counts(chunk.usage)
    except ContextLengthExceeded as error:
        raise ContextLengthExceeded(error.message, hint=error.hint, param=prompt_field) from error
    yield End(reason, counts, timings)


def _decoded(data: bytes) -> _Chunk:
    try:
        chunk = _chunks.decode(data)
    except msgspec.DecodeError as error:
        raise EngineError(f"the engine sent what can't be read: {error}", hint="ask again") from error
    if chunk.error is not None:
        raise as_error(chunk.error)
    return chunk


def _begun(chunk: _Chunk) -> Begun:
    progress = chunk.prompt_progress
    return Begun(progress.total, progress.cache) if progress else Begun()


def _piece(choice: _Choice, tokens: int) -> Piece | None:
    delta = choice.delta or _NOTHING
    text = delta.content or choice.text
    if text or delta.reasoning_content or delta.tool_calls or choice.logprobs:
        return Piece(text, delta.reasoning_content or "", delta.tool_calls or (), choice.logprobs, tokens)
    return None


def _counts(usage: _Usage) -> Counts:
    details = usage.prompt_tokens_details
    return Counts(usage.prompt_tokens, usage.completion_tokens, details.cached_tokens if details else 0)


_NOTHING = _Delta()
