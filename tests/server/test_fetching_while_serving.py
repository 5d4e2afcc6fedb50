"""A real server fetches models from a hub, is killed on the way, and starts without a network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hub_server import Repo, TestHub, hub_server
from serving import Served, read_sse, serving, wait_for

REPO, REFERENCE = "maker/smol-GGUF", "hf:maker/smol-GGUF:Q4_1"


@pytest.fixture
def hub(smollm2: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestHub]:
    repo = Repo({"smol-Q4_1.gguf": smollm2.read_bytes()}, card={"license": "apache-2.0"})
    with hub_server(TestHub({REPO: repo})) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "client"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


def pull(served: Served) -> list[str]:
    """Pull the model; return the events' names."""
    with served.http.stream(
        "POST", "/fireside/v1/models/pull", json={"reference": f"hf:{REPO}"}, headers=served.owner
    ) as response:
        return [name for _, name, _ in read_sse(response)]


def test_after_kill_9_only_the_rest_is_fetched_and_the_model_talks_without_a_network(
    hub: TestHub, tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    part = home / "models/downloads" / f"{hashlib.sha256(smollm2.read_bytes()).hexdigest()}.part"
    hub.pause_after = 40_000_000
    with serving(home, model=f"hf:{REPO}") as served:

        def cut_off() -> None:
            with contextlib.suppress(httpx.HTTPError):  # the server is killed
                pull(served)

        pulling = threading.Thread(target=cut_off)
        pulling.start()
        wait_for(lambda: part.exists() and part.stat().st_size > 30_000_000, "much has arrived")
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
        pulling.join()
    begun = part.stat().st_size
    assert not list(home.rglob("*.gguf"))
    hub.pause_after = None
    with serving(home, model=f"hf:{REPO}") as served:
        assert pull(served)[-1] == "pulled"
    assert hub.downloads("smol-Q4_1.gguf")[-1].headers["Range"] == f"bytes={begun}-"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serving(home, model=f"hf:{REPO}") as served:
        record = served.ask(served.new_conversation(), "Hi", sampling={"max_tokens": 8})
        assert (record["model"], record["usage"]["completion_tokens"]) == (REFERENCE, 8)


def test_a_server_that_fetches_answers_others(hub: TestHub, tmp_path: Path, smollm2: Path) -> None:
    hub.pause_after = 1_000_000
    with serving(tmp_path / "home", model=f"file:{smollm2}") as served:
        pulling = threading.Thread(target=pull, args=[served])
        pulling.start()
        hub.paused.wait()
        record = served.ask(served.new_conversation(), "Hi", sampling={"max_tokens": 4})
        assert record["usage"]["completion_tokens"] == 4
        hub.go_on.set()
        pulling.join()
        assert REFERENCE in {card["reference"] for card in served.get("/models")["models"]}


def test_the_clients_own_token_file_is_used_and_goes_nowhere_else(hub: TestHub, tmp_path: Path) -> None:
    hub.repos[REPO].private = True
    with serving(tmp_path / "home") as served:
        assert pull(served)[-1] == "failed"
        (tmp_path / "client").mkdir(exist_ok=True)
        (tmp_path / "client/token").write_text(hub.token, encoding="utf-8")
        shown = served.http.get(f"/fireside/v1/models/show?reference=hf:{REPO}", headers=served.owner)
        assert shown.json()["reference"] == REFERENCE
        assert pull(served)[-1] == "pulled"
    assert hub.large_asked
    assert not [request for request in hub.large_asked if "Authorization" in request.headers]


@pytest.mark.skipif(
    "FIRESIDE_TEST_GEMMA" not in os.environ, reason="FIRESIDE_TEST_GEMMA=/path/x.gguf names it"
)
def test_a_real_base_model_goes_on_with_a_transcript(tmp_path: Path) -> None:
    with serving(tmp_path / "home", model=f"file:{os.environ['FIRESIDE_TEST_GEMMA']}") as served:
        conversation = served.new_conversation(defaults={"me": "Alice", "you": "Bob"})
        record = served.ask(
            conversation, "What is the capital of France?", sampling={"temperature": 0.0, "max_tokens": 40}
        )
        assert "Paris" in record["text"], json.dumps(record)
        assert "Alice:" not in record["text"]
        refused = served.http.post(
            f"/fireside/v1/conversations/{conversation}/messages", json={"text": "Hi", "format": "chat"}
        )
        assert refused.json()["error"]["code"] == "no_template"
