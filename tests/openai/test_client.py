"""The official client, strict about every answer, against the real server and the real small model."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

import openai

MODEL = "Smollm2 135M 8k Lc100K Mix1 Ep2"
"""what its file calls itself"""
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Returns the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Person(pydantic.BaseModel):
    name: str
    age: int


class Family(pydantic.BaseModel):
    parents: list[Person] = pydantic.Field(max_length=2)
    pet: str | None = pydantic.Field(max_length=20)


def test_models_are_listed_by_name_and_never_by_path(client: openai.OpenAI) -> None:
    listed = client.models.list().data
    assert MODEL in [model.id for model in listed]
    assert client.models.retrieve(MODEL).id == MODEL
    assert not any("/" in model.id or "/" in model.owned_by for model in listed)


def test_an_unknown_model_is_404_and_says_what_is_here(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert MODEL in str(caught.value.body)


def test_a_chat_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8)
    assert answer.model == MODEL
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_the_same_and_ends_with_its_usage(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 12, "seed": 5}
    whole = client.chat.completions.create(**asked)
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].usage
    assert whole.usage
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_a_stream_has_no_usage_unless_asked(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_a_seed_gives_the_same_answer_and_another_seed_another(client: openai.OpenAI) -> None:
    def said(seed: int) -> str | None:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "A poem about rain."}],
            max_tokens=24,
            seed=seed,
            temperature=1.5,
        )
        return answer.choices[0].message.content

    assert said(1) == said(1)
    assert len({said(seed) for seed in range(1, 5)}) > 1


def test_three_choices_are_three_seeds_in_a_row(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 12, "temperature": 1.5}
    three = client.chat.completions.create(**asked, n=3, seed=10)
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    last = client.chat.completions.create(**asked, seed=12)
    assert three.choices[2].message.content == last.choices[0].message.content
    assert three.usage
    assert last.usage
    assert three.usage.prompt_tokens == last.usage.prompt_tokens
    assert three.usage.completion_tokens > last.usage.completion_tokens


def test_choices_are_streamed_with_their_indexes(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 6, "seed": 3, "n": 3}
    whole = client.chat.completions.create(**asked)
    texts = {0: "", 1: "", 2: ""}
    ends = []
    for chunk in client.chat.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends += [choice.index] if choice.finish_reason else []
    assert texts == {choice.index: choice.message.content for choice in whole.choices}
    assert sorted(ends) == [0, 1, 2]


def test_a_stop_string_ends_the_answer_and_is_left_out(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "temperature": 0.0, "max_tokens": 30}
    counting: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "Count: 1, 2, 3"},
        {"role": "assistant", "content": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"},
        {"role": "user", "content": "Again."},
    ]
    free = client.chat.completions.create(**asked, messages=counting).choices[0].message.content or ""
    assert "," in free
    cut = client.chat.completions.create(**asked, messages=counting, stop=",")
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content == free.partition(",")[0]


def test_logprobs_come_with_every_token(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=5, logprobs=True, top_logprobs=2
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs
    assert logprobs.content
    assert "".join(token.token for token in logprobs.content) == answer.choices[0].message.content
    assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in logprobs.content)


def test_a_banned_token_is_not_said(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "messages": HELLO,
        "temperature": 0.0,
        "max_tokens": 1,
        "logprobs": True,
        "top_logprobs": 1,
    }
    free = client.chat.completions.create(**asked)
    token = _first_id(client, asked)
    banned = client.chat.completions.create(**asked, logit_bias={str(token): -100})
    assert banned.choices[0].message.content != free.choices[0].message.content


def _first_id(client: openai.OpenAI, asked: dict[str, Any]) -> int:
    """Return the id of the token that is said first, found by banning one half of the vocabulary's start."""
    text = client.chat.completions.create(**asked).choices[0].message.content
    for first in range(0, 49152, 1024):
        banned = {str(token): -100 for token in range(first, first + 1024)}
        if client.chat.completions.create(**asked, logit_bias=banned).choices[0].message.content != text:
            low, high = first, first + 1024
            break
    else:
        raise AssertionError("no token is the first")
    while high - low > 1:
        middle = (low + high) // 2
        banned = {str(token): -100 for token in range(low, middle)}
        said = client.chat.completions.create(**asked, logit_bias=banned).choices[0].message.content
        low, high = (low, middle) if said != text else (middle, high)
    return low


def test_a_required_tool_is_called(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "How is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        seed=1,
    )
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    assert set(pydantic.TypeAdapter(dict[str, str]).validate_json(call.function.arguments)) == {"city"}
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None


def test_a_named_tool_is_called_among_others_and_streamed(client: openai.OpenAI) -> None:
    other: ChatCompletionToolParam = {"type": "function", "function": {"name": "clock"}}
    with client.chat.completions.stream(
        model=MODEL,
        messages=HELLO,
        tools=[other, WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        max_tokens=100,
    ) as stream:
        whole = stream.get_final_completion()
    (call,) = whole.choices[0].message.tool_calls or []
    assert call.function.name == "weather"
    assert whole.choices[0].finish_reason == "tool_calls"


def test_a_tools_result_is_read(client: openai.OpenAI) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
    }
    messages: list[Any] = [
        {"role": "user", "content": "How is the weather in Rome?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It rains."},
    ]
    short = client.chat.completions.create(model=MODEL, messages=messages[:1], max_tokens=1)
    long = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], max_tokens=8)
    assert short.usage
    assert long.usage
    assert long.usage.prompt_tokens > short.usage.prompt_tokens + 20


@pytest.mark.parametrize("kind", [Person, Family])
def test_parse_gives_a_value(client: openai.OpenAI, kind: type[pydantic.BaseModel]) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 200, "temperature": 0.0}
    answer = client.chat.completions.parse(**asked, response_format=kind)
    assert isinstance(answer.choices[0].message.parsed, kind)


def test_json_mode_gives_an_object(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": 'Say this: {"name": "Tom"}'}],
        response_format={"type": "json_object"},
        max_tokens=300,
        temperature=0.0,
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(pydantic.TypeAdapter(Any).validate_json(answer.choices[0].message.content or ""), dict)


def test_a_text_goes_on(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model=MODEL, prompt=["Once upon a", "One, two,"], max_tokens=4, echo=True, n=2, seed=1
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text[:4] for choice in answer.choices] == ["Once", "Once", "One,", "One,"]
    assert answer.usage
    assert answer.usage.completion_tokens == 16


def test_a_text_is_streamed_with_logprobs(client: openai.OpenAI) -> None:
    # The client's type for these chunks has no null `finish_reason`, which OpenAI itself sends.
    lenient = client.copy(_extra_kwargs={"_strict_response_validation": False})
    stream = lenient.completions.create(
        model=MODEL, prompt="Once upon a", max_tokens=4, stream=True, logprobs=2, temperature=0
    )
    choices = [choice for chunk in stream for choice in chunk.choices]
    tokens = [token for choice in choices if choice.logprobs for token in choice.logprobs.tokens or []]
    assert "".join(tokens) == "".join(choice.text for choice in choices)
    offsets = [at for choice in choices if choice.logprobs for at in choice.logprobs.text_offset or []]
    assert offsets == sorted(offsets)
    assert len(offsets) == 4


def test_embeddings_are_refused_with_the_field(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=MODEL, input="Hello")
    assert (caught.value.code, caught.value.param) == ("no_embeddings", "model")


def test_a_prompt_beyond_the_context_is_refused_with_counts(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 9000}])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert "8192" in caught.value.message
