"""The events of a streamed response (OpenAI's API reference, "Streaming events")."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fireside.server.openai.answers import Gathered, fresh_id
from fireside.server.openai.chunks import CallDelta, Piece
from fireside.server.openai.responses_answer import (
    ItemStatus,
    OutputCall,
    OutputItem,
    OutputMessage,
    OutputReasoning,
    OutputText,
    ReasoningText,
    ResponseObject,
)

_encoder = msgspec.json.Encoder()
Kind = Literal["reasoning", "message", "function_call"]


class Open(msgspec.Struct):
    """The output item that is being written."""

    kind: Kind
    id: str
    index: int
    call: CallDelta | None = None
    said: Gathered = msgspec.field(default_factory=Gathered)

    def item(self, status: ItemStatus) -> OutputItem:
        match self.kind:
            case "reasoning":
                whole = (ReasoningText(self.said.reasoning),)
                return OutputReasoning(self.id, status, () if status == "in_progress" else whole)
            case "message":
                return OutputMessage(self.id, status, () if status == "in_progress" else (self.part(),))
            case "function_call":
                call = self.call
                arguments = "".join(
                    part.function.arguments for parts in self.said.calls.values() for part in parts
                )
                name = call.function.name if call else None
                return OutputCall(self.id, (call.id if call else None) or "", name or "", arguments, status)

    def part(self) -> OutputText:
        logprobs = self.said.all_logprobs()
        return OutputText(self.said.text, (logprobs.content or ()) if logprobs else ())


class ResponseEvents:
    """Turns what is said into events, numbers them, and remembers the finished items."""

    def __init__(self) -> None:
        self.items: list[OutputItem] = []
        self._number = 0
        self._open: Open | None = None

    def of_response(self, name: str, response: ResponseObject) -> bytes:
        return self._event(f"response.{name}", response=response)

    def of_piece(self, piece: Piece) -> list[bytes]:
        """Return the events for what was said next."""
        events: list[bytes] = []
        if piece.reasoning:
            item = self._ready("reasoning", events)
            item.said.add(Piece(reasoning=piece.reasoning))
            events.append(self._within("response.reasoning_text.delta", item, delta=piece.reasoning))
        if piece.text:
            item = self._ready("message", events)
            item.said.add(Piece(piece.text, logprobs=piece.logprobs))
            logprobs = (piece.logprobs.content or ()) if piece.logprobs else ()
            events.append(
                self._within("response.output_text.delta", item, delta=piece.text, logprobs=logprobs)
            )
        for call in piece.calls:
            events += self._call(call)
        return events

    def _call(self, call: CallDelta) -> list[bytes]:
        events: list[bytes] = []
        item = self._open
        if item is None or item.call is None or item.call.index != call.index:
            events += self.close("completed")
            item = self._begin("function_call", events, call)
        item.said.add(Piece(calls=(call,)))
        if call.function.arguments:
            events.append(
                self._event(
                    "response.function_call_arguments.delta",
                    item_id=item.id,
                    output_index=item.index,
                    delta=call.function.arguments,
                )
            )
        return events

    def end(self, status: ItemStatus) -> list[bytes]:
        """Return the events that close the answer; one that said nothing has an empty message."""
        events: list[bytes] = []
        if self._open is None and not self.items:
            self._begin("message", events)
        return events + self.close(status)

    def close(self, status: ItemStatus) -> list[bytes]:
        """Return the events that close the open item, if there is one."""
        item, self._open = self._open, None
        if item is None:
            return []
        whole = item.item(status)
        self.items.append(whole)
        events: list[bytes] = []
        match whole:
            case OutputMessage():
                part = item.part()
                events.append(
                    self._within("response.output_text.done", item, text=part.text, logprobs=part.logprobs)
                )
                events.append(self._within("response.content_part.done", item, part=part))
            case OutputReasoning():
                events.append(self._within("response.reasoning_text.done", item, text=item.said.reasoning))
            case OutputCall():
                events.append(
                    self._event(
                        "response.function_call_arguments.done",
                        item_id=item.id,
                        output_index=item.index,
                        name=whole.name,
                        arguments=whole.arguments,
                    )
                )
        events.append(self._event("response.output_item.done", output_index=item.index, item=whole))
        return events

    def _ready(self, kind: Kind, events: list[bytes]) -> Open:
        if self._open is None or self._open.kind != kind:
            events += self.close("completed")
            return self._begin(kind, events)
        return self._open

    def _begin(self, kind: Kind, events: list[bytes], call: CallDelta | None = None) -> Open:
        prefix = {"reasoning": "rs", "message": "msg", "function_call": "fc"}[kind]
        item = self._open = Open(kind, fresh_id(prefix), len(self.items), call)
        added = item.item("in_progress")
        events.append(self._event("response.output_item.added", output_index=item.index, item=added))
        if kind == "message":
            events.append(self._within("response.content_part.added", item, part=OutputText("")))
        return item

    def _within(self, name: str, item: Open, /, **said: Any) -> bytes:
        return self._event(name, item_id=item.id, output_index=item.index, content_index=0, **said)

    def _event(self, kind: str, /, **said: Any) -> bytes:
        data = _encoder.encode({"type": kind, "sequence_number": self._number, **said})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
