"""Whoever leaves frees the engine at once."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from scripted import ScriptedEngine
from serving import PATIENCE_S, Served, wait_for

Scripted = tuple[httpx.AsyncClient, ScriptedEngine]
LONG = {
    "messages": [{"role": "user", "content": "Tell a very long story."}],
    "max_tokens": 4000,
    "logit_bias": {"2": -100},  # the model's end of a turn: it never comes
}


def users(served: Served) -> int:
    engines = served.get("/status")["engines"]
    return sum(engine["users"] for engine in engines)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", LONG),
        ("chat/completions", {**LONG, "n": 3}),
        ("completions", {"prompt": "Once upon a time", "max_tokens": 4000}),
        ("responses", {"input": "Tell a very long story.", "max_output_tokens": 4000}),
    ],
    ids=["chat", "three choices", "text", "response"],
)
def test_leaving_a_stream_frees_the_slot(served: Served, path: str, body: dict[str, object]) -> None:
    free = {**body, "stream": True, **({"logit_bias": {"2": -100}} if path != "responses" else {})}
    with served.http.stream("POST", f"/v1/{path}", json=free) as response:
        assert response.status_code == 200
        lines = response.iter_lines()
        next(lines)
        assert users(served) >= 1
    wait_for(lambda: users(served) == 0, "the slot is free")
    short = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    assert served.http.post("/v1/chat/completions", json=short).status_code == 200


def test_leaving_a_plain_answer_frees_the_slot(served: Served) -> None:
    with (
        httpx.Client(base_url=served.runtime.address, trust_env=False, timeout=0.5) as impatient,
        pytest.raises(httpx.ReadTimeout),
    ):
        impatient.post("/v1/chat/completions", json={**LONG, "logit_bias": {"2": -100}})
    wait_for(lambda: users(served) == 0, "the slot is free")


async def test_a_failure_in_a_stream_is_told_in_it(
    scripted: Scripted,
) -> None:
    http, engine = scripted
    engine.crash_at = 3
    response = await asyncio.wait_for(
        http.post("/v1/chat/completions", json={**LONG, "stream": True}), PATIENCE_S
    )
    assert response.status_code == 200
    assert '"content":"l"' in response.text
    assert '"code":"engine_crashed"' in response.text


async def test_a_failure_before_the_stream_has_its_own_status(
    scripted: Scripted,
) -> None:
    http, engine = scripted
    engine.crash_at = 0
    response = await http.post("/v1/chat/completions", json={**LONG, "stream": True})
    assert response.status_code == 503
    assert response.headers["retry-after"]
