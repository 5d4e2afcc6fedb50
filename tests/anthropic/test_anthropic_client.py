"""Anthropic's official client against a real server with the real small model."""

from __future__ import annotations

from typing import Any

import httpx_sse
import pytest

import anthropic
from serving import Served

GREEDY = {"temperature": 0, "top_k": 1}
ASKED: list[Any] = [{"role": "user", "content": "Write: one, two, three, four, five."}]
WEATHER: Any = {
    "name": "weather",
    "description": "Tells the weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 40}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def test_a_message_is_answered_with_text_and_counts(client: Any) -> None:
    answer = client.messages.create(
        model="default",
        max_tokens=12,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}],
        metadata={"user_id": "somebody"},
        extra_body=GREEDY,
    )
    [block] = answer.content
    assert block.type == "text"
    assert block.text
    assert answer.id.startswith("msg_")
    assert (answer.model, answer.role, answer.type) == ("default", "assistant", "message")
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert answer.stop_sequence is None
    assert 0 < answer.usage.output_tokens <= 12


def test_what_was_read_before_counts_as_read_from_the_cache(client: Any) -> None:
    asked = {
        "model": "default",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "Why is ice cold?"}],
    }
    whole = client.messages.count_tokens(model="default", messages=asked["messages"]).input_tokens
    counts = [client.messages.create(**asked).usage for _ in range(2)]
    assert [count.input_tokens + count.cache_read_input_tokens for count in counts] == [whole, whole]
    assert counts[1].cache_read_input_tokens > counts[0].cache_read_input_tokens
    assert counts[1].cache_creation_input_tokens == 0


def test_a_stream_has_every_event_in_order_and_ends_as_the_plain_answer(client: Any, served: Served) -> None:
    body = {"model": "default", "max_tokens": 10, "messages": ASKED, **GREEDY}
    plain = client.messages.create(model="default", max_tokens=10, messages=ASKED, extra_body=GREEDY)
    with served.http.stream("POST", "/v1/messages", json=body | {"stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [(event.event, event.json()) for event in httpx_sse.EventSource(response).iter_sse()]
    names = [name for name, _ in events]
    assert all(name == data["type"] for name, data in events)
    assert names[:3] == ["message_start", "ping", "content_block_start"]
    assert set(names[3:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    start = events[0][1]["message"]
    assert (start["content"], start["stop_reason"], start["role"]) == ([], None, "assistant")
    said = "".join(data["delta"]["text"] for name, data in events if name == "content_block_delta")
    assert plain.content[0].type == "text"
    assert said == plain.content[0].text
    assert events[-2][1]["delta"] == {"stop_reason": plain.stop_reason, "stop_sequence": None}
    assert events[-2][1]["usage"]["output_tokens"] == plain.usage.output_tokens


def test_the_clients_own_stream_puts_the_message_together(client: Any) -> None:
    with client.messages.stream(model="default", max_tokens=8, messages=ASKED, extra_body=GREEDY) as stream:
        said = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert message.content[0].type == "text"
    assert message.content[0].text == said
    assert message.stop_reason in ("end_turn", "max_tokens")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_stop_sequence_ends_the_answer_and_is_named(client: Any, streaming: bool) -> None:
    asked: dict[str, Any] = {"model": "default", "max_tokens": 40, "messages": ASKED, "extra_body": GREEDY}
    whole = client.messages.create(**asked).content[0].text
    stop = whole[4:7]
    asked["stop_sequences"] = ["\u2603", stop]
    if streaming:
        with client.messages.stream(**asked) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**asked)
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", stop)
    assert "".join(block.text for block in answer.content) == whole[: whole.index(stop)]
    assert 0 < answer.usage.output_tokens < 40


def test_an_answer_goes_on_where_the_program_began_it(client: Any) -> None:
    asked: dict[str, Any] = {"model": "default", "max_tokens": 6, "extra_body": GREEDY}
    asked["messages"] = [*ASKED, {"role": "assistant", "content": "one, two, three,"}]
    assert "four" in client.messages.create(**asked).content[0].text


def test_a_tool_must_be_called_when_the_choice_says_so(client: Any) -> None:
    asked: dict[str, Any] = {"model": "default", "max_tokens": 80, "tools": [WEATHER], "extra_body": GREEDY}
    question = {"role": "user", "content": "What is the weather in Paris?"}
    answer = client.messages.create(messages=[question], tool_choice={"type": "any"}, **asked)
    [call] = answer.content
    assert answer.stop_reason == "tool_use"
    assert (call.type, call.name) == ("tool_use", "weather")
    assert isinstance(call.input["city"], str)
    with client.messages.stream(
        messages=[question], tool_choice={"type": "tool", "name": "weather"}, **asked
    ) as stream:
        assert stream.get_final_message().content[0].input == call.input
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "18 °C"}]}
    after = client.messages.create(
        messages=[
            question,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [result]},
        ],
        tool_choice={"type": "none"},
        **asked,
    )
    assert after.content[0].type == "text"


def test_tools_are_counted_where_the_model_is_told_of_them(client: Any) -> None:
    bare = client.messages.count_tokens(model="default", messages=ASKED)
    told = client.messages.count_tokens(model="default", messages=ASKED, tools=[WEATHER])
    assert told.input_tokens > bare.input_tokens > 0


def test_an_answer_fits_the_schema_that_was_asked_for(served: Served) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    body = {
        "model": "default",
        "max_tokens": 60,
        "messages": ASKED,
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    answer = served.http.post("/v1/messages", json=body).json()
    assert answer["content"][0]["text"].strip().startswith("{")
    assert "Paris" in answer["content"][0]["text"] or "Rome" in answer["content"][0]["text"]


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        ({"model": "claude-nobody"}, anthropic.NotFoundError, "claude-nobody"),
        ({"max_tokens": 0}, anthropic.BadRequestError, "max_tokens"),
        ({"messages": []}, anthropic.BadRequestError, "messages"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, anthropic.BadRequestError, "thinking"),
        ({"extra_body": {"temperature": "hot"}}, anthropic.BadRequestError, "temperature"),
        ({"extra_body": {"mcp_servers": []}}, anthropic.BadRequestError, "mcp_servers"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, anthropic.BadRequestError, "tools"),
        ({"tool_choice": {"type": "any"}}, anthropic.BadRequestError, "tool_choice"),
        ({"messages": [{"role": "user", "content": "x " * 9000}]}, anthropic.BadRequestError, "context"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(
    client: Any, wrong: dict[str, Any], kind: type[anthropic.APIStatusError], says: str
) -> None:
    asked: dict[str, Any] = {"model": "default", "max_tokens": 4, "messages": ASKED} | wrong
    with pytest.raises(kind) as raised:
        client.messages.create(**asked)
    body: Any = raised.value.body
    assert body["type"] == "error"
    assert says in body["error"]["message"]


def test_a_picture_is_refused_by_the_place_where_it_stands(client: Any) -> None:
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"}}
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[1\]: not a picture"):
        client.messages.create(
            model="default",
            max_tokens=4,
            messages=[{"role": "user", "content": [{"type": "text", "text": "See"}, picture]}],
        )
