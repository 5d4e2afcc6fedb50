"""`/v1/responses` with the official client, strict about every answer."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from openai.types.responses import FunctionToolParam, ResponseFunctionToolCall

import openai

MODEL = "fireside"
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "Returns the weather of a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Person(pydantic.BaseModel):
    name: str
    age: int


def test_a_response_is_whole(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL, input="Say hello.", instructions="Be brief.", max_output_tokens=40, metadata={"a": "b"}
    )
    assert answer.output_text
    assert (answer.tools, answer.tool_choice, answer.parallel_tool_calls) == ([], "auto", True)
    assert (answer.instructions, answer.metadata) == ("Be brief.", {"a": "b"})
    assert answer.usage
    assert answer.usage.input_tokens + answer.usage.output_tokens == answer.usage.total_tokens
    assert answer.status in ("completed", "incomplete")


def test_a_response_that_was_cut_says_so(client: openai.OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input="Tell a long story.", max_output_tokens=3)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_conversation_is_brought_along(client: openai.OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=5)
    items: list[Any] = [
        {"role": "user", "content": [{"type": "input_text", "text": "Say hello."}]},
        *[item.model_dump() for item in first.output],
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "It rains."},
        {"role": "user", "content": "And again."},
    ]
    second = client.responses.create(model=MODEL, input=items, max_output_tokens=5)
    assert first.usage
    assert second.usage
    assert second.usage.input_tokens > first.usage.input_tokens + 20


def test_a_streamed_response_builds_the_same_as_its_events(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="Say hello.", temperature=0.0) as stream:
        events = list(stream)
        whole = stream.get_final_response()
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(set(numbers))
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == whole.output_text != ""
    assert [event.type for event in events][:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]


def test_a_required_function_is_called(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL,
        input="How is the weather in Paris?",
        tools=[WEATHER],
        tool_choice="required",
        max_output_tokens=100,
    )
    (call,) = answer.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert call.name == "weather"
    assert set(pydantic.TypeAdapter(dict[str, str]).validate_json(call.arguments)) == {"city"}


def test_a_named_function_is_streamed(client: openai.OpenAI) -> None:
    with client.responses.stream(
        model=MODEL,
        input="How is the weather in Paris?",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        max_output_tokens=100,
    ) as stream:
        events = list(stream)
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert len(done) == 1
    assert events[-1].type == "response.completed"


def test_parse_gives_a_value(client: openai.OpenAI) -> None:
    answer = client.responses.parse(
        model=MODEL, input="Tom is 9 years old.", text_format=Person, max_output_tokens=200, temperature=0.0
    )
    assert isinstance(answer.output_parsed, Person)


@pytest.mark.parametrize(
    ("field", "value"),
    [("previous_response_id", "resp_1"), ("background", True), ("truncation", "auto"), ("nonsense", 1)],
)
def test_what_cannot_be_done_is_refused_by_name(client: openai.OpenAI, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=MODEL, input="Hi", extra_body={field: value})
    assert caught.value.param == field


def test_tools_of_other_kinds_and_images_are_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=MODEL, input="Hi", tools=[{"type": "web_search"}])
    assert "tools" in str(caught.value.param)
    image: Any = [
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]}
    ]
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=MODEL, input=image)
    assert caught.value.param == "input[0].content[0]"
