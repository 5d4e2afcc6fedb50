"""Reading server-sent events, however the network cuts them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from fireside.client.sse import ServerSentEvent, read_events
from fireside.events import Cursor, Text, to_sse


async def _pieces(body: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    for size in sizes:
        yield body[:size]
        body = body[size:]
    yield body


async def _read(body: bytes, sizes: list[int]) -> list[ServerSentEvent]:
    return [event async for event in read_events(_pieces(body, sizes))]


@given(sizes=st.lists(st.integers(min_value=0, max_value=9), max_size=30))
async def test_events_are_the_same_wherever_the_stream_is_cut(sizes: list[int]) -> None:
    body = b": still here\n\n" + b"".join(
        to_sse(Text(said), Cursor(text=place)) for place, said in enumerate(["é🔥", "two\nlines", "壁炉"], 1)
    )
    events = await _read(body, sizes)
    assert [(event.name, event.id) for event in events] == [
        ("text", "0.0.0.1.0"),
        ("text", "0.0.0.2.0"),
        ("text", "0.0.0.3.0"),
    ]
    assert [event.data for event in events][2] == '{"event":"text","text":"壁炉"}'


async def test_several_data_lines_are_one_text_and_carriage_returns_are_dropped() -> None:
    assert await _read(b"data: a\r\ndata:b\r\n\r\n", []) == [ServerSentEvent("message", "a\nb")]


async def test_an_event_without_its_empty_line_is_dropped() -> None:
    assert await _read(b"event: text\ndata: half", []) == []


async def test_an_id_stays_until_the_next_one() -> None:
    events = await _read(b"id: 7\ndata: a\n\ndata: b\n\n", [])
    assert [event.id for event in events] == ["7", "7"]
