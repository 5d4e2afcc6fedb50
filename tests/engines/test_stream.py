"""What the engine's stream means, event by event."""

from __future__ import annotations

import asyncio
import json

import pytest

from fireside.engines import loopback
from fireside.engines.llamacpp_stream import EventReader, Pieces
from fireside.engines.protocol import Ended, Generated, Piece, Reading
from fireside.engines.registry import ENGINES, find_engine
from fireside.errors import ContextLengthExceeded, EngineError, EngineUnavailable

END = {"stop": True, "stop_type": "eos", "tokens_evaluated": 3, "content": "", "tokens": []}


async def no_recovery(text: str, count: int, last: int) -> tuple[int, ...]:
    raise AssertionError(f"nothing to recover in {text!r}")


async def read(*chunks: dict[str, object], pieces: Pieces | None = None) -> list[Generated]:
    pieces = pieces or Pieces(no_recovery, 3)
    return [event for chunk in chunks for event in await pieces.read(json.dumps(chunk).encode())]


def piece(text: str, ids: list[int], so_far: int) -> dict[str, object]:
    return {"content": text, "tokens": ids, "tokens_predicted": so_far}


def test_events_arrive_whole_however_the_bytes_are_cut() -> None:
    stream = ': ping\n\ndata: {"content":"é"}\n\ndata: 2\n\n'.encode()
    for cut in range(len(stream)):
        reader = EventReader()
        events = [*reader.feed(stream[:cut]), *reader.feed(stream[cut:])]
        assert events == ['{"content":"é"}'.encode(), b"2"]


def test_a_chunked_body_is_put_together_however_the_bytes_are_cut() -> None:
    body = b"5\r\nhello\r\n1\r\n,\r\n6\r\n\r\nworl\r\n0\r\n\r\n"
    for cut in range(len(body)):
        chunked = loopback._Chunked()
        assert chunked.feed(body[:cut]) + chunked.feed(body[cut:]) == b"hello,\r\nworl"
        assert chunked.complete


async def test_progress_is_no_piece() -> None:
    progress = {
        "content": "",
        "tokens": [0],
        "tokens_predicted": 0,
        "prompt_progress": {"total": 3, "cache": 1, "processed": 2},
    }
    assert await read(progress) == [Reading(3, 1, 2)]


async def test_the_token_that_ends_a_turn_is_not_told() -> None:
    events = await read(piece("Hi", [7], 1), piece("", [2], 2), {**END, "tokens_predicted": 2})
    assert events == [Piece("Hi", (7,)), Ended("stop", 3, None, 2)]


async def test_a_token_without_a_text_goes_with_the_next_text() -> None:
    events = await read(piece("", [5], 1), piece("Hi", [7], 2), piece("", [2], 3))
    assert events == [Piece("Hi", (5, 7))]


async def test_at_the_limit_a_token_without_a_text_is_told_too() -> None:
    events = await read(piece("", [5], 1), {**END, "stop_type": "limit", "tokens_predicted": 1})
    assert events == [Piece("", (5,)), Ended("length", 3, None, 1)]


async def test_an_end_behind_half_a_character_takes_no_other_token_with_it() -> None:
    events = await read(piece("", [5], 1), {**END, "tokens_predicted": 4})
    assert events == [Piece("", (5,)), Ended("stop", 3, None, 4)]


async def test_missing_ids_are_asked_for() -> None:
    async def recover(text: str, count: int, last: int) -> tuple[int, ...]:
        assert (text, count, last) == ("😀", 3, 9)
        return (7, 8, 9)

    events = await read(piece("😀", [9], 3), pieces=Pieces(recover, 3))
    assert events == [Piece("😀", (7, 8, 9))]


async def test_an_error_in_the_stream_is_raised() -> None:
    with pytest.raises(EngineError, match="no luck"):
        await read({"error": {"code": 500, "message": "no luck", "type": "server_error"}})
    with pytest.raises(ContextLengthExceeded):
        await read({"error": {"code": 400, "message": "long", "type": "exceed_context_size_error"}})


async def test_an_event_that_cannot_be_read_is_an_error_of_the_engine() -> None:
    with pytest.raises(EngineError, match="can't be read"):
        await Pieces(no_recovery, 3).read(b'{"content": ')


async def answered(raw: bytes) -> bytes:
    """Ask a server that sends `raw` and hangs up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        address = loopback.Address(*server.sockets[0].getsockname()[:2])
        async with loopback.exchange(address, "GET", "/", key="k") as response:
            return await response.read()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nab\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_noticed(raw: bytes) -> None:
    with pytest.raises(loopback.Broken):
        await answered(raw)


async def test_a_whole_answer_is_read() -> None:
    assert await answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab") == b"ab"


def test_engines_are_found_by_name_and_unknown_ones_are_named() -> None:
    for name in ENGINES:
        assert callable(find_engine(name))
    with pytest.raises(EngineUnavailable, match="'imaginary'"):
        find_engine("imaginary")
