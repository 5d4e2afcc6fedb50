"""What is counted, and that it is Prometheus' format."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from serving import Served, serving, wait_for

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics_of(served: Served) -> Samples:
    answer = served.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return samples_of(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def test_requests_are_counted_by_route_and_status(api: httpx.AsyncClient) -> None:
    await api.get("/fireside/v1/conversations/one")
    await api.get("/fireside/v1/conversations/two")
    await api.get("/no/such/route")
    await api.request("BREW", "/health")
    await api.get("/health", headers={"host": "evil.example"})
    samples = samples_of((await api.get("/metrics")).text)
    route = "/fireside/v1/conversations/{conversation_id}"
    name = "fireside_requests_total"
    assert value(samples, name, method="GET", route=route, status="404") == 2
    assert value(samples, name, method="GET", route="none", status="404") == 1
    assert value(samples, name, method="GET", route="none", status="403") == 1
    assert [labels for key, labels in samples if key == name and ("method", "other") in labels]


async def test_an_empty_server_counts_nothing(api: httpx.AsyncClient) -> None:
    samples = samples_of((await api.get("/metrics")).text)
    for name in ("queue_length", "loaded_models", "running_replies", "prompt_tokens_total"):
        assert value(samples, f"fireside_{name}") == 0
    assert value(samples, "fireside_resident_bytes", process="server") > 10_000_000


def test_tokens_times_and_memory_of_a_real_reply(served: Served) -> None:
    before = metrics_of(served)
    record = served.ask(served.new_conversation(), "What is a fox?", sampling={"max_tokens": 6})
    after = metrics_of(served)

    def grown(name: str) -> float:
        return value(after, name) - value(before, name)

    assert grown("fireside_prompt_tokens_total") == record["usage"]["prompt_tokens"]
    assert grown("fireside_completion_tokens_total") == record["usage"]["completion_tokens"]
    assert grown("fireside_cached_tokens_total") == record["usage"]["cached_tokens"]
    assert grown("fireside_first_token_seconds_count") == 1
    assert grown("fireside_first_token_seconds_sum") > 0
    assert value(after, "fireside_loaded_models") == 1
    model = Path(served.get("/status")["default_model"]).name
    assert value(after, "fireside_resident_bytes", process="engine", model=model) > 50_000_000
    assert value(after, "fireside_engine_slots", model=model) == 2


def test_a_relayed_answer_is_counted_too(served: Served) -> None:
    before = metrics_of(served)
    body = {"model": "default", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    usage = served.http.post("/v1/chat/completions", json=body).json()["usage"]
    after = metrics_of(served)
    for counted, told in (("prompt", "prompt_tokens"), ("completion", "completion_tokens")):
        name = f"fireside_{counted}_tokens_total"
        assert value(after, name) - value(before, name) == usage[told]


def test_a_crash_is_counted(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        chat = server.new_conversation()
        server.ask(chat, "Hi", sampling={"max_tokens": 2})
        os.kill(server.engine_pid(), signal.SIGKILL)
        wait_for(lambda: not server.get("/status")["engines"], "the engine is gone")
        server.ask(chat, "Hi", sampling={"max_tokens": 2})
        samples = metrics_of(server)
        assert value(samples, "fireside_engine_crashes_total") == 1
        assert value(samples, "fireside_engine_starts_total") == 2


async def test_health_tells_life_and_readiness(api: httpx.AsyncClient) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_a_stopping_server_lives_but_is_not_ready(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}", drain_s=60) as server:
        long = {"max_tokens": 3000, "temperature": 0.9, "seed": 1}
        reply = server.begin(server.new_conversation(), "Write a long story.", sampling=long)
        next(server.watch(reply))
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.http.get("/health/ready").status_code == 503, "it isn't ready any more")
        assert server.http.get("/health/live").status_code == 200
        server.post("/conversations", status=503)
        server.post(f"/replies/{reply}/stop", status=200)
