"""What a reply streams, and how an event is written as server-sent events.

An event's id is a *cursor*: how many of the reply's fixed events were seen (started, receipt),
and how many characters of reasoning and of text. So a reply can be resumed from any cursor by
whoever holds the reply's present state, after a restart too, and a slow watcher is simply given
larger pieces: nothing is queued for anybody.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fireside.messages import FinishReason, Receipt, Timings, Usage


class Started(msgspec.Struct, tag_field="event", tag="started", frozen=True):
    """The reply exists; `seed` repeats it."""

    reply_id: str
    conversation_id: str
    model: str
    seed: int | None = None


class Progress(msgspec.Struct, tag_field="event", tag="progress", frozen=True):
    """What is waited for; not kept, and may be skipped. `total` is None where nobody knows."""

    stage: Literal[
        "queued", "fetching", "verifying", "loading", "reading", "measuring", "converting", "comparing"
    ]
    done: float
    total: float | None = None
    unit: Literal["bytes", "tokens", "share", "replies"] = "tokens"
    note: str | None = None


class ReceiptReady(msgspec.Struct, tag_field="event", tag="receipt", frozen=True):
    receipt: Receipt


class Reasoning(msgspec.Struct, tag_field="event", tag="reasoning", frozen=True):
    text: str


class Text(msgspec.Struct, tag_field="event", tag="text", frozen=True):
    text: str


class Finished(msgspec.Struct, tag_field="event", tag="finished", frozen=True):
    finish_reason: FinishReason
    usage: Usage
    timings: Timings


class Failed(msgspec.Struct, tag_field="event", tag="failed", frozen=True):
    code: str
    message: str
    hint: str | None = None


Event = Started | Progress | ReceiptReady | Reasoning | Text | Finished | Failed


class Cursor(msgspec.Struct, frozen=True):
    """How much of a reply a watcher has seen."""

    started: bool = False
    receipt: bool = False
    reasoning: int = 0
    text: int = 0
    ended: bool = False

    def __str__(self) -> str:
        """
        >>> str(Cursor(started=True, text=12))
        '1.0.0.12.0'
        """
        return f"{self.started:d}.{self.receipt:d}.{self.reasoning}.{self.text}.{self.ended:d}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor that `text` writes; ValueError for anything else.

        >>> Cursor.parse("1.1.0.12.0").text
        12
        """
        started, receipt, reasoning, said, ended = (int(number) for number in text.split("."))
        if min(reasoning, said) < 0 or {started, receipt, ended} - {0, 1}:
            raise ValueError(f"not an event id: {text!r}")
        return cls(bool(started), bool(receipt), reasoning, said, bool(ended))


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def to_sse(event: Event, cursor: Cursor) -> bytes:
    """Return the event as one server-sent event (WHATWG HTML, section 9.2), id included."""
    name = type(event).__struct_config__.tag
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        str(cursor).encode(),
        str(name).encode(),
        _encoder.encode(event),
    )


def from_json(data: bytes | str) -> Event:
    """Return the event that a `data:` line carries."""
    return _decoder.decode(data)
