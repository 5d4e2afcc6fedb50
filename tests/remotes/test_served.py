"""A whole Fireside that asks others: another Fireside as its own process, and llama.cpp's own server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import made_bert
import openai
from serving import Served, environment, serving, wait_for

SECRETS: list[str] = []
"""keys that were made, none of which may be seen anywhere"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """Another Fireside, which wants a key."""
    home = tmp_path_factory.mktemp("other")
    embedder = home / "embedder.gguf"
    embedder.write_bytes(made_bert.bert())
    settings = {"model": f"file:{smollm2}", "embedding_model": f"file:{embedder}", "slots": 4}
    with serving(home, context_length=1024, **settings) as server:
        made = server.post("/keys", {"name": "visitors", "scopes": ["chat"]})
        SECRETS.append(made["secret"])
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, stand_in: Served, elsewhere: str) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("own")
    (home / "config.toml").write_text(
        f"""
        model = "remote:llama"
        [remotes.llama]
        url = "{elsewhere}"
        [remotes.other]
        url = "{stand_in.runtime.address}/v1"
        key_env = "OTHER_KEY"
        [remotes.wrong]
        url = "{stand_in.runtime.address}/v1"
        [remotes.gone]
        url = "http://127.0.0.1:9/v1"
        """
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTHER_KEY", SECRETS[-1])
        with serving(home, log_level="debug") as server:
            yield server
            server.end()
            said = "".join(server.process.communicate())
            assert not any(secret in said for secret in SECRETS)


@pytest.fixture(scope="module")
def other_model(served: Served) -> str:
    """The reference of the other Fireside's model."""
    reference: str = wait_for(lambda: _chat_model(served, "remote:other/"), "the other one is listed")
    return reference


def _chat_model(served: Served, beginning: str) -> str | None:
    cards = served.get("/models")["models"]
    found = (card["reference"] for card in cards if card["purpose"] == "chat" and not card["problem"])
    return next((reference for reference in found if reference.startswith(beginning)), None)


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    direct: Any = httpx.Client(trust_env=False)
    with openai.OpenAI(
        base_url=f"{served.runtime.address}/v1",
        api_key="none",
        max_retries=0,
        timeout=60,
        http_client=direct,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.mark.parametrize("remote", ["llama", "other"])
def test_eight_conversations_at_once_are_answered(served: Served, other_model: str, remote: str) -> None:
    model = {"llama": "remote:llama/small", "other": other_model}[remote]
    sampling = {"max_tokens": 12, "temperature": 0}
    replies = [
        served.begin(served.new_conversation(), f"Tell me about {number}.", model=model, sampling=sampling)
        for number in range(8)
    ]
    for reply in replies:
        assert [name for _, name, _ in served.watch(reply)][-1] == "finished"
        record = served.get(f"/messages/{reply}/record")
        assert record["text"]
        assert 0 < record["usage"]["completion_tokens"] <= 12
        assert f"answered elsewhere, by {remote}" in record["receipt"]["reason"]


def test_the_next_turn_knows_the_one_before_and_is_read_only_once(served: Served) -> None:
    conversation = served.new_conversation()
    first = served.ask(conversation, "My dog is called Rex. " * 8, sampling={"max_tokens": 8})
    second = served.ask(conversation, "What did I say?", sampling={"max_tokens": 8})
    assert first["message_id"] in second["receipt"]["included"]
    assert len(second["receipt"]["included"]) == 3
    assert second["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"]
    assert second["usage"]["cached_tokens"] > first["usage"]["prompt_tokens"] / 2


def test_no_server_elsewhere_hears_of_what_nobody_has_sent(served: Served, stand_in: Served) -> None:
    def requests() -> float:
        told = stand_in.http.get("/metrics", headers=stand_in.owner).text
        counts = [line for line in told.splitlines() if line.startswith("fireside_requests_total")]
        return sum(float(line.split()[-1]) for line in counts)

    model = _chat_model(served, "remote:other/")
    conversation = served.new_conversation(defaults={"model": model})
    record = served.ask(conversation, "Name a colour.", sampling={"max_tokens": 4})
    before = requests()
    body = {"text": "A secret that nobody sent.", "parent_id": record["message_id"]}
    assert served.post(f"/conversations/{conversation}/typing", body, status=200) == {"reads": False}
    time.sleep(1)
    assert requests() - before <= 1, "the question for the count itself"


def test_a_reply_that_was_cut_goes_on(served: Served, other_model: str) -> None:
    for model in ("remote:llama/small", other_model):
        conversation = served.new_conversation(defaults={"model": model})
        sampling = {"max_tokens": 8, "temperature": 0}
        record = served.ask(conversation, "Count to twenty in words.", sampling=sampling)
        assert record["finish_reason"] == "length"
        further = {"sampling": sampling | {"max_tokens": 20}}
        reply = served.post(f"/messages/{record['message_id']}/continue", further)
        assert [name for _, name, _ in served.watch(reply["reply"]["id"])][-1] == "finished"
        longer = served.get(f"/messages/{reply['reply']['id']}/record")["text"]
        assert longer.startswith(record["text"])
        assert len(longer) > len(record["text"])


def test_a_long_conversation_goes_on_with_a_digest(served: Served) -> None:
    """The window is full by estimate: what no longer fits is told as a digest, as with any engine."""
    conversation = served.new_conversation()
    for number in range(6):
        text = f"Note {number}: the code of room {number} is {number * 1111}. " + "It is a fine day. " * 25
        record = served.ask(conversation, text, sampling={"max_tokens": 8})
        assert record["status"] == "complete", record["failure"]
    assert record["receipt"]["digested"]
    assert record["usage"]["prompt_tokens"] <= record["receipt"]["prompt_tokens"]


def test_everything_says_that_it_is_elsewhere(served: Served) -> None:
    conversation = served.new_conversation()
    served.ask(conversation, "Hi", sampling={"max_tokens": 2})
    assert served.get(f"/conversations/{conversation}")["conversation"]["place"] == "elsewhere"
    listed = served.get("/conversations")["conversations"]
    assert {one["place"] for one in listed} == {"elsewhere"}
    assert served.get("/models/show?reference=remote:llama")["place"] == "elsewhere"
    (engine,) = (one for one in served.get("/status")["engines"] if one["model"] == "remote:llama/small")
    assert (engine["place"], engine["device"], engine["resident_bytes"]) == ("elsewhere", "elsewhere", None)
    told = command(served, "status").stdout + command(served, "models", "list").stdout
    assert told.count("elsewhere (llama)") >= 2


def command(served: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fireside", *arguments],
        env=environment(served.home.data),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_one_that_is_gone_is_listed_with_its_problem_and_costs_its_own_turns_only(served: Served) -> None:
    cards = {card["reference"]: card for card in served.get("/models")["models"]}
    assert "can't be reached" in cards["remote:gone"]["problem"]
    assert "wants a key" in cards["remote:wrong"]["problem"]
    names = [model["id"] for model in served.http.get("/v1/models").json()["data"]]
    assert not {"gone", "wrong"} & set(names)
    record = served.ask(served.new_conversation(), "Hi", model="remote:gone/any")
    assert record["status"] == "failed"
    assert record["failure"]["code"] == "remote_unavailable"
    assert "[remotes.gone]" in record["failure"]["hint"]
    assert served.http.get("/health").status_code == 200
    assert "can't be reached" in command(served, "models", "list").stdout


def test_only_remotes_of_the_settings_can_be_named(served: Served) -> None:
    for named, code in (("remote:nowhere/x", "model_not_found"), ("remote:llama/x", "model_not_found")):
        answer = served.http.post(
            f"/fireside/v1/conversations/{served.new_conversation()}/messages",
            json={"text": "Hi", "model": named},
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    answer = served.http.get("/fireside/v1/models/show?reference=remote:http://169.254.169.254/")
    assert answer.json()["error"]["code"] in ("bad_reference", "model_not_found")


def test_no_answer_holds_a_key(served: Served, stand_in: Served) -> None:
    said = [
        served.http.get(f"/fireside/v1{path}", headers=served.owner).text
        for path in ("/models", "/status", "/settings")
    ]
    said.append(command(served, "models", "show", "remote:other").stdout)
    assert not [text for text in said for secret in SECRETS if secret in text]


def test_a_reply_that_is_stopped_frees_its_place_there(
    served: Served, stand_in: Served, other_model: str
) -> None:
    conversation = served.new_conversation(defaults={"model": other_model})
    reply = served.begin(conversation, "Write a very long story.")
    events = served.watch(reply)
    next(name for _, name, _ in events if name == "text")
    served.post(f"/replies/{reply}/stop", status=200)
    wait_for(lambda: not _users(stand_in), "the place is free", patience_s=2)
    assert served.get(f"/messages/{reply}/record")["status"] == "stopped"


def _users(server: Served) -> int:
    status = server.http.get("/fireside/v1/status", headers=server.owner).json()
    return sum(engine["users"] for engine in status["engines"])


# -- other programs


def test_a_chat_is_streamed_with_the_counts_of_that_server(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="small",
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        max_tokens=12,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens > 30


def test_schemas_calls_and_logprobs_pass_through(client: openai.OpenAI, other_model: str) -> None:
    messages: Any = [{"role": "user", "content": "Where is Paris?"}]
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    tool: Any = {"type": "function", "function": {"name": "look_up", "parameters": schema}}
    shape: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    for model in ("small", other_model):
        shaped = client.chat.completions.create(model=model, messages=messages, response_format=shape)
        assert '"city"' in str(shaped.choices[0].message.content)
        called = client.chat.completions.create(
            model=model, messages=messages, tools=[tool], tool_choice="required"
        )
        assert called.choices[0].message.tool_calls
        weighed = client.chat.completions.create(
            model=model, messages=messages, logprobs=True, top_logprobs=2, max_tokens=3
        )
        assert weighed.choices[0].logprobs
        assert [len(token.top_logprobs) for token in weighed.choices[0].logprobs.content or ()] == [2] * 3
        text = client.completions.create(model=model, prompt="One, two,", max_tokens=3, logprobs=1)
        assert text.choices[0].logprobs
        assert "".join(text.choices[0].logprobs.tokens or ()) == text.choices[0].text


def test_embeddings_of_another_fireside_are_its_own(
    client: openai.OpenAI, served: Served, stand_in: Served, other_model: str
) -> None:
    cards = served.get("/models")["models"]
    (model,) = (card["reference"] for card in cards if card["purpose"] == "embedding")
    vector = client.embeddings.create(model=model, input=["hello"], encoding_format="float").data[0].embedding
    direct = stand_in.http.post(
        "/v1/embeddings", json={"input": "hello"}, headers={"authorization": f"Bearer {SECRETS[-1]}"}
    ).json()
    assert vector == pytest.approx(direct["data"][0]["embedding"], abs=1e-5)
    answer = served.http.post(
        "/v1/chat/completions", json={"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    )
    assert answer.json()["error"]["code"] == "no_chat"


def test_a_prompt_is_counted_by_that_server(served: Served) -> None:
    asked = {"model": "small", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    counted = served.http.post("/v1/messages/count_tokens", json=asked).json()["input_tokens"]
    usage = served.http.post("/v1/messages", json={**asked, "max_tokens": 1}).json()["usage"]
    assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"]


def test_ollamas_clients_reach_it_too(served: Served) -> None:
    asked = {"model": "small", "messages": [{"role": "user", "content": "Hi"}], "options": {"num_predict": 4}}
    answer = served.http.post("/api/chat", json={**asked, "stream": False}).json()
    assert answer["message"]["content"]
    assert answer["eval_count"] <= 4
    assert "small:latest" in [model["name"] for model in served.http.get("/api/tags").json()["models"]]


def generated(served: Served, tokens: int, **asked: Any) -> Any:
    body = {"model": "small", "stream": False, "options": {"num_predict": tokens}, **asked}
    answer = served.http.post("/api/generate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_text_of_ollamas_clients_goes_on_where_it_was(served: Served) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    first = generated(served, 32, prompt="Where is the Louvre?", format=schema)
    assert "city" in first["response"]
    second = generated(served, 4, prompt="Why?", context=first["context"])
    assert second["prompt_eval_count"] > first["prompt_eval_count"]
    assert generated(served, 4, prompt="One, two,", raw=True)["response"]


def test_a_program_that_leaves_frees_its_place_there(
    served: Served, stand_in: Served, other_model: str
) -> None:
    body = {
        "model": other_model,
        "messages": [{"role": "user", "content": "A very long story."}],
        "stream": True,
    }
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        while '"content":"' not in next(lines):
            pass
        assert _users(stand_in) == 1
    wait_for(lambda: not _users(stand_in), "the place is free", patience_s=2)


# The last one: it ends the other server.


def test_what_was_said_is_kept_when_that_server_is_killed(
    served: Served, stand_in: Served, other_model: str
) -> None:
    conversation = served.new_conversation(defaults={"model": other_model})
    reply = served.begin(conversation, "Write a very long story.")
    events = served.watch(reply)
    next(name for _, name, _ in events if name == "text")
    stand_in.process.kill()
    stand_in.process.wait(60)
    assert [name for _, name, _ in events][-1] == "failed"
    record = served.get(f"/messages/{reply}/record")
    assert (record["status"], record["failure"]["code"]) == ("interrupted", "remote_unavailable")
    assert record["text"]
    begun = time.monotonic()
    again = served.ask(conversation, "Are you there?")
    assert again["failure"]["code"] == "remote_unavailable"
    assert time.monotonic() - begun < 60
    assert served.ask(conversation, "And you?", model="remote:llama", sampling={"max_tokens": 4})["text"]
