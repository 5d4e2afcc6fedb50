"""Whoever resumes at any cursor has, in the end, seen the same reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.events import Cursor, Event, Finished, Reasoning, Started, Text, from_json, to_sse
from fireside.messages import Receipt, Timings, Usage
from fireside.running import State


def state(text: str, thought: str = "") -> State:
    made = State(Started("r", "c", "m", 1))
    made.receipt = Receipt(100, 10, ("a",))
    made.text, made.reasoning = text, thought
    made.end = Finished("stop", Usage(10, 5, 0), Timings(1.0, 2.0, 3.0))
    return made


def watched(of: State, cursor: Cursor, seen: list[Event]) -> Cursor:
    """Add to `seen` what the cursor lacks, and return the cursor behind it."""
    for event, after in of.since(cursor):
        seen.append(event)
        cursor = after
    return cursor


@given(st.text(max_size=30), st.text(max_size=10), st.lists(st.integers(0, 30), max_size=5))
def test_resuming_anywhere_repeats_and_loses_nothing(text: str, thought: str, cuts: list[int]) -> None:
    cursor, seen = Cursor(), list[Event]()
    for cut in sorted(cuts):
        growing = state(text[:cut], thought)
        growing.end = None
        cursor = watched(growing, Cursor.parse(str(cursor)), seen)
    cursor = watched(state(text, thought), cursor, seen)
    assert "".join(event.text for event in seen if isinstance(event, Text)) == text
    assert "".join(event.text for event in seen if isinstance(event, Reasoning)) == thought
    assert [type(event).__name__ for event in seen if not isinstance(event, Text | Reasoning)] == [
        "Started",
        "ReceiptReady",
        "Finished",
    ]
    assert list(state(text, thought).since(cursor)) == []


def test_an_event_survives_the_wire() -> None:
    written = to_sse(Text("一\n2"), Cursor(started=True, text=3)).decode()
    lines = dict(line.split(": ", 1) for line in written.strip().split("\n"))
    assert (lines["id"], lines["event"]) == ("1.0.0.3.0", "text")
    assert from_json(lines["data"]) == Text("一\n2")


@pytest.mark.parametrize("text", ["", "1", "1.1.1", "a.b.c.d.e", "1.0.-1.0.0", "2.0.0.0.0", "1.0.0.0.0.0"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the int's or ours
        Cursor.parse(text)
