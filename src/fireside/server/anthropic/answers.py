"""What the engine says, told as Anthropic's message or as the events of its stream.

Shapes: Anthropic's API reference, "Messages" and "Streaming messages".
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from fireside.errors import AnswerInvalid
from fireside.server.openai.chunks import Begun, Counts, End, Piece, Said

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"]


class TextBlock(msgspec.Struct, tag_field="type", tag="text"):
    text: str = ""


class ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking"):
    """`signature` is empty: nothing here checks that a thought comes back unchanged."""

    thinking: str = ""
    signature: str = ""


class ToolUseBlock(msgspec.Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any] = {}


OutputBlock = TextBlock | ThinkingBlock | ToolUseBlock


class Usage(msgspec.Struct):
    """Tokens. Those that the engine had read before count as read from the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


class MessageAnswer(msgspec.Struct, tag_field="type", tag="message"):
    id: str
    model: str
    content: list[OutputBlock]
    usage: Usage
    role: Literal["assistant"] = "assistant"
    stop_reason: StopReason | None = None
    stop_sequence: str | None = None


class Counted(msgspec.Struct, frozen=True):
    """The answer of `count_tokens`."""

    input_tokens: int


class TextDelta(msgspec.Struct, tag_field="type", tag="text_delta", frozen=True):
    text: str


class ThinkingDelta(msgspec.Struct, tag_field="type", tag="thinking_delta", frozen=True):
    thinking: str


class InputDelta(msgspec.Struct, tag_field="type", tag="input_json_delta", frozen=True):
    partial_json: str


class Ending(msgspec.Struct, frozen=True):
    stop_reason: StopReason | None
    stop_sequence: str | None


class MessageStart(msgspec.Struct, tag_field="type", tag="message_start", frozen=True):
    message: MessageAnswer


class Ping(msgspec.Struct, tag_field="type", tag="ping", frozen=True):
    pass


class BlockStart(msgspec.Struct, tag_field="type", tag="content_block_start", frozen=True):
    index: int
    content_block: OutputBlock


class BlockDelta(msgspec.Struct, tag_field="type", tag="content_block_delta", frozen=True):
    index: int
    delta: TextDelta | ThinkingDelta | InputDelta


class BlockStop(msgspec.Struct, tag_field="type", tag="content_block_stop", frozen=True):
    index: int


class MessageDelta(msgspec.Struct, tag_field="type", tag="message_delta", frozen=True):
    delta: Ending
    usage: Usage


class MessageStop(msgspec.Struct, tag_field="type", tag="message_stop", frozen=True):
    pass


StreamEvent = MessageStart | Ping | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop
_encoder = msgspec.json.Encoder()


def as_sse(event: StreamEvent) -> bytes:
    name = str(type(event).__struct_config__.tag).encode()
    return b"event: %b\ndata: %b\n\n" % (name, _encoder.encode(event))


class Telling:
    """Turns what is said into events, and keeps the message that they make up.

    An event is told before the next one is made: blocks are filled when they close.
    """

    def __init__(self, model: str, limit: int) -> None:
        self.message = MessageAnswer(f"msg_{secrets.token_hex(12)}", model, [], Usage())
        self._limit = limit
        self._parts: list[str] = []

    def tell(self, said: Said, met: str | None = None) -> Iterator[StreamEvent]:
        """Yield the events for what is said; `met` is the stop sequence that ended the answer."""
        match said:
            case Begun():
                yield from self._begin(said)
            case Piece():
                yield from self._piece(said)
            case End():
                yield from self._end(said, met)

    @property
    def _index(self) -> int:
        return len(self.message.content) - 1

    def _begin(self, begun: Begun) -> Iterator[StreamEvent]:
        self._count(begun)
        yield MessageStart(self.message)
        yield Ping()

    def _count(self, read: Begun | Counts) -> None:
        """Take over what was read; a server elsewhere tells it at the end only."""
        if read.prompt_tokens:
            self.message.usage.input_tokens = read.prompt_tokens - read.cached_tokens
            self.message.usage.cache_read_input_tokens = read.cached_tokens

    def _piece(self, piece: Piece) -> Iterator[StreamEvent]:
        if piece.reasoning:
            yield from self._ensure(ThinkingBlock)
            yield self._grow(piece.reasoning, ThinkingDelta(piece.reasoning))
        if piece.text:
            yield from self._ensure(TextBlock)
            yield self._grow(piece.text, TextDelta(piece.text))
        for call in piece.calls:
            if call.function.name is not None:
                yield from self._open(ToolUseBlock(f"toolu_{secrets.token_hex(12)}", call.function.name))
            if call.function.arguments:
                yield self._grow(call.function.arguments, InputDelta(call.function.arguments))

    def _grow(self, text: str, delta: TextDelta | ThinkingDelta | InputDelta) -> BlockDelta:
        self._parts.append(text)
        return BlockDelta(self._index, delta)

    def _ensure(self, kind: type[TextBlock] | type[ThinkingBlock]) -> Iterator[StreamEvent]:
        if not self.message.content or not isinstance(self.message.content[-1], kind):
            yield from self._open(kind())

    def _open(self, block: OutputBlock) -> Iterator[StreamEvent]:
        yield from self._close()
        self.message.content.append(block)
        yield BlockStart(self._index, block)

    def _close(self, *, cut: bool = False) -> Iterator[StreamEvent]:
        """End the open block. Arguments that were `cut` off stay as they were streamed: no object."""
        if not self.message.content:
            return
        whole, self._parts = "".join(self._parts), []
        match self.message.content[-1]:
            case TextBlock() as block:
                block.text = whole
            case ThinkingBlock() as block:
                block.thinking = whole
            case ToolUseBlock() as block:
                block.input = {} if cut else _arguments(whole)
        yield BlockStop(self._index)

    def _end(self, end: End, met: str | None) -> Iterator[StreamEvent]:
        yield from self._close(cut=end.reason == "length")
        self._count(end.counts)
        self.message.usage.output_tokens = end.counts.completion_tokens
        self.message.stop_reason = self._reason(end, met)
        self.message.stop_sequence = met
        yield MessageDelta(Ending(self.message.stop_reason, met), self.message.usage)
        yield MessageStop()

    def _reason(self, end: End, met: str | None) -> StopReason:
        if met is not None:
            return "stop_sequence"
        if end.reason == "length":
            full = end.counts.completion_tokens < self._limit
            return "model_context_window_exceeded" if full else "max_tokens"
        return "tool_use" if end.reason == "tool_calls" else "end_turn"


def _arguments(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise AnswerInvalid(
            f"the model's call of a tool is not JSON: {error}", hint="ask again, or a larger model"
        ) from error
