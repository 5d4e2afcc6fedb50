"""One connection: errors, secrets, and what is repeated."""

from __future__ import annotations

import socket

import msgspec
import pytest

from fireside.client.connection import Connection, Disconnected
from fireside.client.routes import AsyncClient
from fireside.errors import FiresideError, ModelNotFound, ServerUnavailable
from fireside.events import Cursor, Finished, Started, Text, to_sse
from fireside.messages import Timings, Usage
from fireside.runtime import Runtime
from scripted_http import ScriptedHttp, answer, broken_stream, whole_stream

STARTED = to_sse(Started("r", "c", "m"), Cursor(started=True))
ONE = to_sse(Text("one "), Cursor(started=True, text=4))
TWO = to_sse(Text("two"), Cursor(started=True, text=7))
END = to_sse(Finished("stop", Usage(1, 2, 0), Timings(1.0, 2.0, 3.0)), Cursor(True, False, 0, 7, True))


def _refusal(code: str, status: str = "404 Not Found") -> bytes:
    error = {"code": code, "message": "no", "type": "x", "param": "model", "hint": "look"}
    return answer(msgspec.json.encode({"error": error}), status=status)


async def test_an_error_arrives_as_the_one_that_the_server_meant() -> None:
    scripted = ScriptedHttp([_refusal("model_not_found")])
    async with scripted.listening() as server, Connection(server.runtime) as connection:
        with pytest.raises(ModelNotFound) as caught:
            await connection.fetch("GET", "/x")
    assert (caught.value.message, caught.value.hint, caught.value.param) == ("no", "look", "model")


async def test_an_answer_of_another_program_is_an_error_with_a_hint() -> None:
    scripted = ScriptedHttp([answer(b"<h1>Hello</h1>", status="404 Not Found")])
    async with scripted.listening() as server, Connection(server.runtime) as connection:
        with pytest.raises(FiresideError, match="404") as caught:
            await connection.fetch("GET", "/x")
    assert caught.value.hint


async def test_the_token_goes_to_loopback_only() -> None:
    async with ScriptedHttp([answer(b"{}")]).listening() as server, Connection(server.runtime) as connection:
        await connection.fetch("GET", "/x")
    assert server.requests[0].headers["authorization"] == "Bearer secret-token"
    elsewhere = Runtime(1, "http://192.0.2.1:3473", "secret-token", "0.1.0", "serve")
    async with Connection(elsewhere) as connection:
        assert "authorization" not in connection._http.headers


async def test_a_redirect_is_not_followed() -> None:
    away = answer(b"", status="302 Found", more="Location: http://127.0.0.1:1/\r\n")
    async with ScriptedHttp([away]).listening() as server, Connection(server.runtime) as connection:
        with pytest.raises(FiresideError, match="302"):
            await connection.fetch("GET", "/x")


async def test_a_proxy_of_the_environment_never_sees_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedHttp([answer(b"{}")]).listening() as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        async with Connection(server.runtime) as connection:
            assert await connection.fetch("GET", "/x") == b"{}"


async def test_a_request_that_nobody_heard_is_repeated_with_the_server_that_is_there_now() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    gone = Runtime(1, f"http://127.0.0.1:{nobody}", "old", "0.1.0", "command")
    async with ScriptedHttp([answer(b"{}")]).listening() as server:

        async def again(where: Runtime, is_leaving: bool) -> Runtime:
            assert (where, is_leaving) == (gone, False)
            return server.runtime

        async with Connection(gone, again) as connection:
            assert await connection.fetch("POST", "/x", body={"a": 1}) == b"{}"
    assert [request.body for request in server.requests] == [b'{"a":1}']


async def test_a_request_to_a_server_that_is_leaving_goes_to_the_next_one() -> None:
    leaving = _refusal("server_unavailable", status="503 Service Unavailable")
    async with ScriptedHttp([leaving, answer(b"{}")]).listening() as server:

        async def again(where: Runtime, is_leaving: bool) -> Runtime:
            assert is_leaving
            return where

        async with Connection(server.runtime, again) as connection:
            assert await connection.fetch("POST", "/x") == b"{}"


async def test_a_message_that_may_have_been_taken_is_not_sent_twice() -> None:
    async with ScriptedHttp([b"", answer(b"{}")]).listening() as server:

        async def again(where: Runtime, is_leaving: bool) -> Runtime:
            return where

        async with Connection(server.runtime, again) as connection:
            with pytest.raises(Disconnected):
                await connection.fetch("POST", "/x")
    assert len(server.requests) == 1


async def test_a_broken_reply_goes_on_behind_the_last_event_that_came() -> None:
    script = [broken_stream(STARTED, ONE, TWO[: len(TWO) // 2]), whole_stream(TWO), whole_stream(END)]
    async with ScriptedHttp([*script]).listening() as server:

        async def again(where: Runtime, is_leaving: bool) -> Runtime:
            return where

        async with Connection(server.runtime, again) as connection:
            events = [event async for event in AsyncClient(connection).events("r")]
    assert "".join(event.text for event in events if isinstance(event, Text)) == "one two"
    assert isinstance(events[-1], Finished)
    seen = [request.headers.get("last-event-id") for request in server.requests]
    assert seen == [None, "1.0.0.4.0", "1.0.0.7.0"]


async def test_a_reply_that_never_goes_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fireside.client.routes.RETRIES", 2)
    async with ScriptedHttp([whole_stream(b": still here\n\n") for _ in range(3)]).listening() as server:

        async def again(where: Runtime, is_leaving: bool) -> Runtime:
            return where

        async with Connection(server.runtime, again) as connection:
            with pytest.raises(ServerUnavailable):
                async for _event in AsyncClient(connection).events("r"):
                    pass
    assert len(server.requests) == 3
