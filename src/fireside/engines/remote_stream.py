"""What a server elsewhere streams for an OpenAI-style request, read with patience and told again strictly.

Shapes: OpenAI's API reference, "Chat completion chunk"; `reasoning` (vLLM) is `reasoning_content` (SGLang,
llama.cpp, DeepSeek). Names of ends that aren't OpenAI's are told as the one they mean.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fireside.engines.protocol import Ended
from fireside.engines.thoughts import BEGIN, END
from fireside.errors import EngineError, RemoteRefused
from fireside.remotes.faults import words_in

_ENDS = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""every other end is a `stop`"""
MOST_TOKENS = 2**31
"""of one request; what tells more, or less than none, is no count"""
_CUT = ("content_filter", "error", "abort")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Top(msgspec.Struct):
    token: str
    logprob: float | None = None
    bytes: list[int] | None = None


class _Token(_Top):
    top_logprobs: list[_Top] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None
    tokens: list[str] | None = None
    """the older form, of completions: lists of the same length"""
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class Chunk(msgspec.Struct):
    """One event; what isn't named here is skipped while parsing."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_chunks = msgspec.json.Decoder(Chunk)


def read(remote: str, data: bytes) -> Chunk:
    """Return what one event says; EngineError for what can't be read, or tells of a failure."""
    try:
        chunk = _chunks.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise EngineError(f"{remote} sent what can't be read: {error}", hint="ask again") from error
    if chunk.error is not None:
        raise EngineError(f"{remote} failed: {words_in(data)}", hint="ask again, or look at its log")
    for choice in chunk.choices:
        if choice.finish_reason in _CUT:
            raise RemoteRefused(
                f"{remote} ended its answer by itself: {choice.finish_reason}", hint="ask in other words"
            )
    if chunk.usage:
        chunk.usage = _believed(chunk.usage)
    return chunk


def _believed(usage: _Usage) -> _Usage:
    """Return the counts that can be true: the others would end up in metrics and in the database."""
    details = usage.prompt_tokens_details or _Details()
    cached = _Details(_count(details.cached_tokens))
    return _Usage(_count(usage.prompt_tokens), _count(usage.completion_tokens), cached)


def _count(told: int | None) -> int | None:
    return told if told is not None and 0 <= told < MOST_TOKENS else None


class Answer:
    """The answer in a conversation, from its chunks; thoughts are put between `<think>` and `</think>`."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._thinking = False
        self._usage = _Usage()
        self._end: str | None = None
        self.pieces = 0

    @property
    def complete(self) -> bool:
        return self._end is not None

    def read(self, data: bytes) -> str:
        """Return what is said next; empty for an event that says nothing."""
        if data == b"[DONE]":
            return ""
        chunk = read(self._remote, data)
        self._usage = chunk.usage or self._usage
        said = "".join(self._said(choice) for choice in chunk.choices[:1])
        self.pieces += bool(said)
        return said

    def _said(self, choice: _Choice) -> str:
        self._end = choice.finish_reason or self._end
        delta = choice.delta or _Delta()
        thought = delta.reasoning_content or delta.reasoning or ""
        text = delta.content or choice.text or ""
        if thought and not self._thinking:
            thought = BEGIN + thought
            self._thinking = True
        if text and self._thinking:
            text = END + text
            self._thinking = False
        return thought + text

    def ended(self, prompt_tokens: int) -> Ended:
        """Return the end with the server's own counts; `prompt_tokens` stands in for one that tells none."""
        usage, details = self._usage, self._usage.prompt_tokens_details
        return Ended(
            reason="length" if _ENDS.get(self._end or "") == "length" else "stop",
            prompt_tokens=prompt_tokens if usage.prompt_tokens is None else usage.prompt_tokens,
            cached_tokens=details.cached_tokens if details else None,
            completion_tokens=self.pieces if usage.completion_tokens is None else usage.completion_tokens,
        )


def told_again(remote: str, data: bytes) -> bytes:
    """Return an event in the shape that `fireside.server.openai.chunks` reads."""
    chunk = read(remote, data)
    told: dict[str, Any] = {"choices": [_choice(choice) for choice in chunk.choices]}
    if chunk.usage:
        details = chunk.usage.prompt_tokens_details
        told["usage"] = {
            "prompt_tokens": chunk.usage.prompt_tokens or 0,
            "completion_tokens": chunk.usage.completion_tokens or 0,
            "prompt_tokens_details": {"cached_tokens": (details and details.cached_tokens) or 0},
        }
    return msgspec.json.encode(told)


def _choice(choice: _Choice) -> dict[str, Any]:
    told: dict[str, Any] = {"text": choice.text or ""}
    if choice.delta:
        told["delta"] = {
            "content": choice.delta.content,
            "reasoning_content": choice.delta.reasoning_content or choice.delta.reasoning,
            "tool_calls": [_call(call) for call in choice.delta.tool_calls or ()],
        }
    if choice.finish_reason:
        told["finish_reason"] = _ENDS.get(choice.finish_reason, "stop")
    if choice.logprobs:
        told["logprobs"] = {"content": _tokens(choice.logprobs)}
    return told


def _call(call: _Call) -> dict[str, Any]:
    function = {"name": call.function.name, "arguments": call.function.arguments or ""}
    kind = "function" if call.id else None
    return {"index": call.index, "id": call.id, "type": kind, "function": function}


def _tokens(logprobs: _Logprobs) -> list[dict[str, Any]]:
    """Return logprobs in their newer form, whichever they have."""
    if logprobs.content is not None:
        return [_token(one.token, one.logprob, one.top_logprobs or []) for one in logprobs.content]
    tops = logprobs.top_logprobs or []
    return [
        _token(
            token,
            value,
            [_Top(other, odds) for other, odds in ((tops[at : at + 1] or [{}])[0] or {}).items()],
        )
        for at, (token, value) in enumerate(
            zip(logprobs.tokens or [], logprobs.token_logprobs or [], strict=False)
        )
    ]


def _token(token: str, logprob: float | None, tops: list[_Top]) -> dict[str, Any]:
    top = [{"token": one.token, "logprob": one.logprob, "bytes": list(one.token.encode())} for one in tops]
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": top}
