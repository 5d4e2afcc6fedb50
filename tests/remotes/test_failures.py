"""What a server elsewhere may do wrong: told in plain words, tried again only before the first word."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest

from fireside.engines.protocol import Piece
from fireside.engines.remote import RemoteEngine
from fireside.errors import (
    BadRequest,
    ContextLengthExceeded,
    EngineError,
    RemoteRefused,
    RemoteUnavailable,
    TooBusy,
)
from fireside.messages import Sampling
from fireside.remotes import connection
from reaching import answered, end_of, notices_in, prompt_of, reached, text_in
from scripted_http import Answer, ScriptedHttp, answer, broken_stream, whole_stream

MODELS = answer(b'{"data": [{"id": "small", "owned_by": "somebody"}]}')
HI = prompt_of("Hi")


def event(**choice: Any) -> bytes:
    return b"data: %b\r\n\r\n" % msgspec.json.encode({"choices": [choice]})


def word(text: str) -> bytes:
    return event(delta={"content": text})


END = event(delta={}, finish_reason="stop")
DONE = b"data: [DONE]\n\n"
PROBED = whole_stream(word("Hello"), END, DONE)


def refusal(status: str, message: str, more: str = "") -> bytes:
    return answer(msgspec.json.encode({"error": {"message": message}}), status=status, more=more)


@asynccontextmanager
async def server(*answers: Answer, **settings: Any) -> AsyncIterator[tuple[RemoteEngine, ScriptedHttp]]:
    """Give an engine of a server that gives these answers once it was found to chat and to take tools."""
    scripted = ScriptedHttp([MODELS, PROBED, *answers])
    async with scripted.listening(), reached(f"http://127.0.0.1:{scripted.port}", **settings) as engine:
        yield engine, scripted


async def test_what_passes_is_tried_again_and_said_once() -> None:
    busy = refusal("503 Service Unavailable", "loading")
    async with server(busy, busy, whole_stream(word("Hel"), word("lo"), END, DONE)) as (engine, scripted):
        steps = await answered(engine, HI)
    assert text_in(steps) == "Hello"
    assert len(scripted.requests) == 2 + 3


async def test_a_short_wish_to_wait_is_followed_and_a_long_one_is_passed_on() -> None:
    short = refusal("429 Too Many Requests", "slow down", "Retry-After: 1\r\n")
    long = refusal("429 Too Many Requests", "slow down", "Retry-After: 90\r\n")
    async with server(short, whole_stream(word("Hello"), END, DONE), long) as (engine, _):
        assert text_in(await answered(engine, HI)) == "Hello"
        with pytest.raises(TooBusy) as caught:
            await answered(engine, HI)
    assert caught.value.retry_after_s == 90


async def test_after_the_first_word_nothing_is_asked_twice() -> None:
    async with server(broken_stream(word("Once upon"))) as (engine, scripted):
        said: list[str] = []
        with pytest.raises(RemoteUnavailable, match="broke off"):
            await listened(engine, said)
    assert said == ["Once upon"]
    assert len(scripted.requests) == 2 + 1


@pytest.mark.parametrize("told", [-1, 10**30, 2**63])
async def test_counts_that_cannot_be_true_are_not_believed(told: int) -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": %d, "completion_tokens": %d}}\n\n' % (
        told,
        told,
    )
    async with server(whole_stream(word("Hel"), word("lo"), END, usage, DONE)) as (engine, _):
        end = end_of(await answered(engine, HI))
    assert (end.prompt_tokens, end.completion_tokens) == (len(HI), 2)


async def listened(engine: RemoteEngine, said: list[str]) -> None:
    async with aclosing(engine.generate(HI, Sampling(), max_tokens=9)) as steps:
        async for step in steps:
            said.extend(piece.text for piece in [step] if isinstance(piece, Piece))


async def test_an_end_without_a_reason_is_no_end() -> None:
    async with server(whole_stream(word("Hello"))) as (engine, _):
        with pytest.raises(RemoteUnavailable, match="broke off"):
            await answered(engine, HI)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (refusal("401 Unauthorized", "bad key"), RemoteRefused, "wants a key"),
        (refusal("404 Not Found", "The model `small` does not exist."), RemoteRefused, "does not exist"),
        (refusal("400 Bad Request", "temperature must be at most 2"), BadRequest, "temperature"),
        (refusal("500 Internal Server Error", "CUDA out of memory"), EngineError, "CUDA out of memory"),
        (answer(b"<html><h1>Welcome to nginx", kind="text/html"), RemoteUnavailable, "broke off"),
        (answer(b"<html>", kind="text/html", status="500 Oh"), EngineError, "web page"),
        (whole_stream(b'data: {"choices": 7}\n\n'), EngineError, "can't be read"),
        (whole_stream(b'data: {"choices": [{"delta": {"content": {}}}]}\n\n'), EngineError, "can't be read"),
        (whole_stream(b"data: nonsense\n\n"), EngineError, "can't be read"),
        (whole_stream(b"data: \xff\xfe\n\n"), EngineError, "can't be read"),
        (whole_stream(b"data: " + b"[" * 100_000 + b"\n\n"), EngineError, "can't be read"),
        (
            whole_stream(b'data: {"error": {"message": "the GPU is gone"}}\n\n'),
            EngineError,
            "the GPU is gone",
        ),
        (whole_stream(event(delta={}, finish_reason="content_filter")), RemoteRefused, "content_filter"),
        (whole_stream(b"data: " + b"x" * 2**21), EngineError, "without an end"),
        (whole_stream(b"x" * 2**21), EngineError, "without an end"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", RemoteUnavailable, "can't be reached"),
    ],
)
async def test_what_it_says_instead_of_an_answer_is_told(
    given: bytes, error: type[Exception], says: str
) -> None:
    async with server(*[given] * 3) as (engine, _):
        with pytest.raises(error, match=says) as caught:
            await answered(engine, HI)
    assert len(str(caught.value)) < 700


async def test_an_answer_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_ANSWER_BYTES", 50_000)

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(broken_stream())
        while not writer.is_closing():
            writer.write(b"%x\r\n%b\r\n" % (len(word("on and on ")), word("on and on ")))
            await writer.drain()
            await asyncio.sleep(0)

    async with server(endless) as (engine, _):
        with pytest.raises(EngineError, match="without end"):
            await answered(engine, HI)


def waiting(hung_up: asyncio.Event, *said: bytes) -> Answer:
    """Return an answer that says something, then no more than comments, until somebody hangs up."""

    async def wait(writer: asyncio.StreamWriter) -> None:
        writer.write(broken_stream(*said))
        while not writer.is_closing():
            writer.write(b"8\r\n: ping\n\n\r\n")
            await asyncio.sleep(0.01)
        hung_up.set()

    return wait


async def test_a_server_that_says_nothing_is_given_up_and_the_connection_with_it() -> None:
    hung_up = asyncio.Event()
    async with server(waiting(hung_up), timeout_s=0.5) as (engine, _):
        with pytest.raises(RemoteUnavailable, match="silent for too long"):
            await answered(engine, HI)
        await asyncio.wait_for(hung_up.wait(), 5)


async def test_a_server_that_stops_in_the_middle_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BETWEEN_S", 0.2)
    hung_up = asyncio.Event()
    async with server(waiting(hung_up, word("Once"), word(" upon"))) as (engine, _):
        with pytest.raises(RemoteUnavailable, match="silent for too long"):
            await answered(engine, HI)
        await asyncio.wait_for(hung_up.wait(), 5)


async def test_leaving_closes_the_connection() -> None:
    hung_up = asyncio.Event()
    async with server(waiting(hung_up, word("Once"))) as (engine, _):
        async with aclosing(engine.generate(HI, Sampling(), max_tokens=9)) as steps:
            async for step in steps:
                if isinstance(step, Piece):
                    break
        await asyncio.wait_for(hung_up.wait(), 2)


async def test_no_redirect_is_followed_and_the_key_goes_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_KEY", "secret-key-of-mine")
    async with AsyncExitStack() as opened:
        other = ScriptedHttp([whole_stream(word("stolen"), END, DONE)])
        await opened.enter_async_context(other.listening())
        moved = answer(b"", status="307 Moved", more=f"Location: http://127.0.0.1:{other.port}/v1\r\n")
        engine, scripted = await opened.enter_async_context(server(moved, key_env="OFFICE_KEY"))
        with pytest.raises(RemoteRefused, match="redirects"):
            await answered(engine, HI)
    assert other.requests == []
    assert scripted.requests[-1].headers["authorization"] == "Bearer secret-key-of-mine"


async def test_a_key_that_is_repeated_in_a_refusal_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_KEY", "secret-key-of-mine")
    repeated = refusal("400 Bad Request", "no rights for Bearer secret-key-of-mine")
    async with server(repeated, key_env="OFFICE_KEY") as (engine, _):
        with pytest.raises(BadRequest) as caught:
            await answered(engine, HI)
    assert "secret-key-of-mine" not in f"{caught.value} {caught.value.hint}"


async def test_a_packed_answer_is_not_unpacked() -> None:
    packed = answer(b"\x1f\x8b" + b"\0" * 99, more="Content-Encoding: gzip\r\n")
    async with server(packed) as (engine, _):
        with pytest.raises(EngineError, match="packs its answers"):
            await answered(engine, HI)


async def test_a_wish_that_it_does_not_know_is_left_out_told_and_not_sent_again() -> None:
    hello = whole_stream(word("Hello"), END, DONE)
    unknown = refusal("400 Bad Request", "Unrecognized request argument supplied: top_k")
    async with server(unknown, hello, hello) as (engine, scripted):
        for _ in range(2):
            async with aclosing(engine.generate(HI, Sampling(top_k=3, top_p=0.5), max_tokens=9)) as generated:
                steps = [step async for step in generated]
            assert "top_k can't be set there" in notices_in(steps)
    sent = [msgspec.json.decode(request.body) for request in scripted.requests[2:]]
    assert [("top_k" in body, "top_p" in body) for body in sent] == [
        (True, True),
        (False, True),
        (False, True),
    ]


async def test_the_newer_name_of_the_limit_is_used_where_it_is_wanted() -> None:
    refused = refusal("400 Bad Request", "Unsupported parameter: use 'max_completion_tokens' instead.")
    async with server(refused, whole_stream(word("Hello"), END, DONE)) as (engine, scripted):
        assert text_in(await answered(engine, HI, max_tokens=9)) == "Hello"
    assert msgspec.json.decode(scripted.requests[-1].body)["max_completion_tokens"] == 9


async def test_a_prompt_that_is_longer_than_estimated_is_asked_again_with_less_room() -> None:
    full = refusal("400 Bad Request", "This model's maximum context length is 4096 tokens.")
    async with server(full, whole_stream(word("Hello"), END, DONE), full) as (engine, scripted):
        assert text_in(await answered(engine, HI, max_tokens=4090)) == "Hello"
        assert msgspec.json.decode(scripted.requests[-1].body)["max_tokens"] < 4090
        with pytest.raises(ContextLengthExceeded):
            await answered(engine, HI, max_tokens=9)


async def test_thoughts_are_told_apart_whatever_they_are_called() -> None:
    thought = [event(delta={"reasoning": "Hm"}), event(delta={"reasoning_content": ", so."})]
    async with server(whole_stream(*thought, word("Yes."), END, DONE)) as (engine, _):
        assert text_in(await answered(engine, HI)) == "<think>Hm, so.</think>Yes."


async def test_counts_that_nobody_tells_are_estimated() -> None:
    async with server(whole_stream(word("Hel"), word("lo"), END, DONE)) as (engine, _):
        end = end_of(await answered(engine, HI))
    assert (end.prompt_tokens, end.completion_tokens, end.cached_tokens) == (len(HI), 2, None)


async def test_a_server_that_knows_no_tools_is_found_out_when_it_is_first_used() -> None:
    scripted = ScriptedHttp([MODELS, refusal("400 Bad Request", "tools need a parser"), PROBED])
    async with scripted.listening(), reached(f"http://127.0.0.1:{scripted.port}") as engine:
        assert not engine.info.takes_tools
        assert engine.info.has_template
        assert engine.info.context_length == 4096
        assert any("context_length" in notice for notice in engine.info.notices)


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    secret: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secret.append(await reader.read(100))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(RemoteUnavailable, match="can't be reached") as caught:
            async with reached(f"https://127.0.0.1:{port}/v1"):
                pass
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    assert secret == []
