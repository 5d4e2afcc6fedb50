"""What the routes make of requests from anywhere, and of what engines say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.cards import ModelCard
from fireside.errors import BadRequest, EngineCrashed
from fireside.messages import Defaults, Sampling
from fireside.models.library import Library
from fireside.models.sources import Progress
from fireside.server.anthropic.answers import MessageAnswer, StreamEvent, Telling
from fireside.server.anthropic.requests import MessagesRequest
from fireside.server.anthropic.translation import wish_of
from fireside.server.openai.chunks import Begun, CallDelta, CallFunction, Counts, End, Piece, Said
from fireside.server.wire import parse
from interface import interface
from scripted import ScriptedEngine

GOOD: dict[str, Any] = {"model": "default", "max_tokens": 8, "messages": [{"role": "user", "content": "Hi"}]}
PATH = "/v1/messages"


@pytest.fixture
async def api(tmp_path: Path, smollm2: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with interface(tmp_path, smollm2, ScriptedEngine()) as client:
        yield client


def told(*said: Said, limit: int = 100) -> tuple[list[StreamEvent], MessageAnswer]:
    telling = Telling("m", limit)
    events = [msgspec.json.decode(msgspec.json.encode(event)) for one in said for event in telling.tell(one)]
    return events, telling.message


def test_thoughts_words_and_calls_become_blocks_of_their_own() -> None:
    events, message = told(
        Begun(10, 4),
        Piece(reasoning="Hm"),
        Piece(reasoning="m."),
        Piece(text="Let me see."),
        Piece(calls=(CallDelta(CallFunction("weather"), 0, "c1"),)),
        Piece(calls=(CallDelta(CallFunction(arguments='{"city":'), 0),)),
        Piece(calls=(CallDelta(CallFunction(arguments='"Rome"}'), 0),)),
        Piece(calls=(CallDelta(CallFunction("clock", "{}"), 1, "c2"),)),
        End("tool_calls", Counts(10, 9, 4)),
    )
    kinds = [block.__struct_config__.tag for block in message.content]
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    assert msgspec.to_builtins(message.content[0])["thinking"] == "Hmm."
    assert [msgspec.to_builtins(block)["input"] for block in message.content[2:]] == [{"city": "Rome"}, {}]
    assert message.stop_reason == "tool_use"
    opened = [event["index"] for event in events if event["type"] == "content_block_start"]  # type: ignore[index]
    closed = [event["index"] for event in events if event["type"] == "content_block_stop"]  # type: ignore[index]
    assert opened == closed == [0, 1, 2, 3]
    assert msgspec.to_builtins(message.usage) == {
        "input_tokens": 6,
        "output_tokens": 9,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
    }


def test_a_cut_says_whether_the_limit_or_the_context_was_reached() -> None:
    _, limited = told(Begun(), Piece("a"), End("length", Counts(1, 5)), limit=5)
    _, full = told(Begun(), Piece("a"), End("length", Counts(1, 4)), limit=5)
    assert (limited.stop_reason, full.stop_reason) == ("max_tokens", "model_context_window_exceeded")


def test_a_call_that_was_cut_off_has_no_input() -> None:
    call = Piece(calls=(CallDelta(CallFunction("weather", '{"ci'), 0, "c1"),))
    _, message = told(Begun(), call, End("length", Counts(1, 5)), limit=5)
    assert msgspec.to_builtins(message.content[0])["input"] == {}


def test_results_of_tools_come_before_the_words_that_follow_them() -> None:
    asked = msgspec.convert(
        GOOD
        | {
            "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm", "signature": ""},
                        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Well?"},
                        {"type": "tool_result", "tool_use_id": "t1", "content": "none", "is_error": True},
                    ],
                },
            ],
        },
        MessagesRequest,
    )
    messages = msgspec.to_builtins(wish_of(asked).messages)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "user"]
    assert messages[0]["content"] == "A\n\nB"
    assert messages[2]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Rome"}'}
    assert messages[2]["reasoning_content"] == "Hm"
    assert messages[3]["content"] == "Error: none"


async def test_an_engine_that_dies_ends_the_stream_with_an_error_event(tmp_path: Path, smollm2: Path) -> None:
    dying = ScriptedEngine([["Hel", EngineCrashed("it died", hint="ask again")]])
    async with interface(tmp_path, smollm2, dying) as api:
        answer = await api.post(PATH, json=GOOD | {"stream": True})
        assert answer.status_code == 200
        name, data = answer.text.strip().split("\n\n")[-1].split("\n")
        assert name == "event: error"
        assert msgspec.json.decode(data.removeprefix("data: ")) == {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "it died", "hint": "ask again"},
        }


async def test_an_engine_that_dies_before_it_speaks_is_told_by_the_status(
    tmp_path: Path, smollm2: Path
) -> None:
    dying = ScriptedEngine([[EngineCrashed("it died", hint="ask again")]])
    async with interface(tmp_path, smollm2, dying) as api:
        answer = await api.post(PATH, json=GOOD | {"stream": True})
        assert answer.status_code == 503
        assert answer.json()["error"]["type"] == "overloaded_error"


DEEP = b"[" * 100_000
NAN = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"temperature":NaN}'
LONG = b'{"model":"m","messages":[],"max_tokens":' + b"9" * 10_000 + b"}"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/count_tokens"])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", DEEP, NAN, LONG, b'"\\ud800"'])
async def test_what_is_no_request_gets_400_in_anthropics_envelope(
    api: httpx.AsyncClient, path: str, body: bytes
) -> None:
    answer = await api.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
async def test_what_is_missing_is_named(api: httpx.AsyncClient, missing: str) -> None:
    answer = await api.post(PATH, json={name: value for name, value in GOOD.items() if name != missing})
    assert answer.status_code == 400
    assert missing in answer.json()["error"]["message"]


async def test_a_schema_that_would_kill_the_engine_never_reaches_it(api: httpx.AsyncClient) -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(200):
        schema = {"type": "object", "properties": {"a": schema}}
    tool = {"name": "deep", "input_schema": schema}
    answer = await api.post(PATH, json=GOOD | {"tools": [tool]})
    assert answer.status_code == 400
    assert "tools[0].input_schema" in answer.json()["error"]["message"]


async def test_a_foreign_page_is_told_so_in_anthropics_envelope(api: httpx.AsyncClient) -> None:
    answer = await api.post(PATH, json=GOOD, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "permission_error"


async def test_what_anthropics_clients_add_to_a_request_is_accepted(api: httpx.AsyncClient) -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "some-beta", "x-api-key": "none"}
    answer = await api.post(f"{PATH}?beta=true", json=GOOD, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"] == [{"type": "text", "text": "Hello there."}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    field=st.sampled_from([*GOOD, "system", "tools", "tool_choice", "thinking", "stop_sequences"]), value=JSON
)
def test_whatever_stands_in_a_field_is_a_request_or_a_refusal(field: str, value: Any) -> None:
    refusals: list[BadRequest] = []
    try:
        wish_of(parse(msgspec.json.encode(GOOD | {field: value}), MessagesRequest))
    except BadRequest as error:
        refusals.append(error)
    assert all(error.message for error in refusals)


async def test_what_a_request_leaves_out_comes_from_the_models_makers(tmp_path: Path, smollm2: Path) -> None:
    engine = ScriptedEngine()
    recommended = ModelCard(
        reference=f"file:{smollm2}",
        name="Small",
        origin="a test",
        licence=None,
        size_bytes=1,
        installed=True,
        path=str(smollm2),
        context_length=8192,
        has_template=True,
        defaults=Defaults(sampling=Sampling(temperature=0.2, top_p=0.9)),
    )
    library = Library(tmp_path, {}, {"file": OneModel(recommended)})
    async with interface(tmp_path, smollm2, engine, library) as api:
        await api.post(PATH, json=GOOD | {"top_p": 0.5})
    [(_, body)] = engine.relayed
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.2, 0.5, 8)


class OneModel:
    """A source that has one model."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card

    def cards(self) -> tuple[ModelCard, ...]:
        return (self._card,)

    def card(self, name: str) -> ModelCard:
        return self._card

    async def fetch(self, name: str, progress: Progress) -> None:
        raise AssertionError("it is here")

    def remove(self, name: str) -> None:
        raise AssertionError("nobody asked for that")
