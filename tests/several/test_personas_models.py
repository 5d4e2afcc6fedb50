"""Each persona with a model of its own, in a real server: taking turns, and said when a model is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import made_models
from made_lora import lora
from serving import Served, serving

GREEDY = {"sampling": {"temperature": 0.0, "max_tokens": 8}}
STORY = "Once upon a time there was a small village between two rivers, and nobody knew its name. " * 12


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("personas")
    (home / "odd.gguf").write_bytes(lora())
    (home / "tiny.gguf").write_bytes(made_models.sliding_window())
    with serving(home, model=f"file:{smollm2}", context_length=2048) as server:
        put(
            server,
            "models/aliases/odd",
            {"model": f"file:{smollm2}", "adapters": [{"file": str(home / "odd.gguf")}]},
        )
        for name, model in {"clara": f"file:{smollm2}", "oddo": "odd", "lost": "nowhere"}.items():
            toml = f'name = "{name}"\ndescription = "You are {name}."\nmodel = "{model}"\n'
            put(server, f"personas/{name}", {"toml": toml})
        yield server


def put(served: Served, path: str, body: object) -> Any:
    response = served.http.put(f"/fireside/v1/{path}", json=body, headers=served.owner)
    assert response.status_code == 200, response.text
    return response.json()


def test_two_personas_with_two_models_take_turns_and_read_nothing_twice(served: Served) -> None:
    conversations = {name: served.new_conversation(defaults={"persona": name}) for name in ("clara", "oddo")}
    for conversation in conversations.values():
        served.ask(conversation, STORY, **GREEDY)
    for name, conversation in conversations.items():
        record = served.ask(conversation, "Go on.", **GREEDY)
        assert record["model"] == ("alias:odd" if name == "oddo" else served.get("/status")["default_model"])
        usage = record["usage"]
        assert usage["prompt_tokens"] - usage["cached_tokens"] < 40
    assert len(served.get("/status")["engines"]) == 2


def test_a_conversation_changes_its_persona_and_with_it_the_model(served: Served) -> None:
    conversation = served.new_conversation(defaults={"persona": "clara"})
    first = served.ask(conversation, "Who are you?", **GREEDY)
    second = served.ask(conversation, "And you?", persona="oddo", **GREEDY)
    third = served.ask(conversation, "And now?", **GREEDY)
    assert [one["model"] == "alias:odd" for one in (first, second, third)] == [False, True, False]
    assert {len(one["receipt"]["included"]) for one in (first, second, third)} == {1, 3, 5}


def test_what_was_read_is_found_again_after_unloading_by_each_model_for_itself(served: Served) -> None:
    told = {}
    for name in ("clara", "oddo"):
        conversation = told[name] = served.new_conversation(defaults={"persona": name})
        served.ask(conversation, f"{name}: {STORY}", **GREEDY)
    for status in served.get("/status")["engines"]:
        served.post("/models/unload", {"reference": status["model"]}, 200)
    for name, conversation in told.items():
        record = served.ask(conversation, "Go on.", **GREEDY)
        assert record["usage"]["cached_tokens"] > 100, name
        assert record["usage"]["prompt_tokens"] - record["usage"]["cached_tokens"] < 40, name


def test_a_persona_whose_model_nobody_knows_is_said_before_anything_is_stored(served: Served) -> None:
    conversation = served.new_conversation(defaults={"persona": "lost"})
    error = served.post(f"/conversations/{conversation}/messages", {"text": "Hi"}, 404)["error"]
    assert (error["code"], error["message"]) == ("model_not_found", "there is no model 'nowhere'")
    assert served.get(f"/conversations/{conversation}")["messages"] == []
    # Another model may be asked for meanwhile, and the list of chats isn't harmed.
    assert served.ask(conversation, "Hi", model="odd", **GREEDY)["text"]
    assert conversation in [one["id"] for one in served.get("/conversations")["conversations"]]


def test_a_persona_whose_file_is_gone_is_said_and_works_once_it_is_back(served: Served) -> None:
    path = served.home.config / "tiny.gguf"
    toml = f'name = "tiny"\ndescription = "x"\nmodel = "file:{path}"\nformat = "transcript"\n'
    put(served, "personas/tiny", {"toml": toml})
    conversation = served.new_conversation(defaults={"persona": "tiny"})
    data = path.read_bytes()
    path.unlink()
    error = served.post(f"/conversations/{conversation}/messages", {"text": "Hi"}, 404)["error"]
    assert str(path) in error["message"]
    path.write_bytes(data)
    assert served.ask(conversation, "Hi", **GREEDY)["model"] == f"file:{path}"
