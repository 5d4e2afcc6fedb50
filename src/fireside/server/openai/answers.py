"""What OpenAI-style answers look like (OpenAI's API reference, "The chat completion object" and others)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fireside.errors import FiresideError
from fireside.messages import Receipt
from fireside.server.errors import error_body, status_of, tell_endings
from fireside.server.openai.chunks import Begun, CallDelta, Counts, End, Logprobs, Piece, Reason

_encoder = msgspec.json.Encoder()
DONE = b"data: [DONE]\n\n"


class PromptTokensDetails(msgspec.Struct, frozen=True):
    cached_tokens: int = 0
    audio_tokens: int = 0


class CompletionTokensDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: int = 0
    audio_tokens: int = 0


class TokenUsage(msgspec.Struct, frozen=True):
    """Tokens read and written. A prompt that several choices share counts once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails = CompletionTokensDetails()


class AnswerFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    function: AnswerFunction
    type: Literal["function"] = "function"


class AnswerMessage(msgspec.Struct, frozen=True):
    content: str | None
    role: Literal["assistant"] = "assistant"
    refusal: None = None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: tuple[ToolCall, ...] | UnsetType = UNSET


class ChatChoice(msgspec.Struct, frozen=True):
    index: int
    message: AnswerMessage
    logprobs: Logprobs | None
    finish_reason: Reason


class ChatCompletion(msgspec.Struct, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[ChatChoice, ...]
    usage: TokenUsage
    object: Literal["chat.completion"] = "chat.completion"
    fireside: Receipt | UnsetType = UNSET
    """what the model was given of a request that asked to be fitted"""


class ChunkDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[CallDelta, ...] = ()


class ChunkChoice(msgspec.Struct, frozen=True):
    index: int
    delta: ChunkDelta
    logprobs: Logprobs | None = None
    finish_reason: Reason | None = None


class ChatChunk(msgspec.Struct, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: TokenUsage | UnsetType | None = UNSET
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    fireside: Receipt | UnsetType = UNSET


class Gathered:
    """One choice, put together from what was said."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasonings: list[str] = []
        self.calls: dict[int, list[CallDelta]] = {}
        self.logprobs: list[Logprobs] = []
        self.end = End("stop", Counts())
        self.receipt: Receipt | None = None

    def add(self, said: object) -> None:
        if isinstance(said, Piece):
            self.texts.append(said.text)
            self.reasonings.append(said.reasoning)
            for call in said.calls:
                self.calls.setdefault(call.index, []).append(call)
            if said.logprobs:
                self.logprobs.append(said.logprobs)
        elif isinstance(said, Begun):
            self.receipt = said.receipt
        elif isinstance(said, End):
            self.end = said

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def reasoning(self) -> str:
        return "".join(self.reasonings)

    def all_logprobs(self) -> Logprobs | None:
        if not self.logprobs:
            return None
        return Logprobs(tuple(token for part in self.logprobs for token in part.content or ()))

    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(
                id=parts[0].id or "",
                function=AnswerFunction(
                    name=parts[0].function.name or "",
                    arguments="".join(part.function.arguments for part in parts),
                ),
            )
            for _, parts in sorted(self.calls.items())
        )

    def message(self) -> AnswerMessage:
        calls = self.tool_calls()
        return AnswerMessage(
            content=self.text or (None if calls else ""),
            reasoning_content=self.reasoning or UNSET,
            tool_calls=calls or UNSET,
        )


def usage_of(counts: Iterable[Counts], choices_per_prompt: int = 1) -> TokenUsage:
    """Return the usage of several choices; each `choices_per_prompt` of them share a prompt.

    >>> usage = usage_of([Counts(5, 1), Counts(5, 2)], 2)
    >>> usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    (5, 3, 8)
    """
    every = list(counts)
    prompts = every[::choices_per_prompt]
    prompt_tokens = sum(one.prompt_tokens for one in prompts)
    completion_tokens = sum(one.completion_tokens for one in every)
    return TokenUsage(
        prompt_tokens,
        completion_tokens,
        prompt_tokens + completion_tokens,
        PromptTokensDetails(sum(one.cached_tokens for one in prompts)),
    )


def fresh_id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(12)}"


def now() -> int:
    return int(time.time())


def sse(value: Any) -> bytes:
    """Return one server-sent event without a name."""
    return b"data: %b\n\n" % _encoder.encode(value)


def error_event(error: FiresideError) -> bytes:
    """Return the event that tells of a failure after the answer has begun; clients raise it."""
    return b"data: %b\n\n" % error_body(error, status_of(error))


tell_endings("/v1/", error_event)
