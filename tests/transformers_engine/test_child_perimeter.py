"""The child's own port lets nobody in but the parent, and has nothing of transformers' management routes."""

from __future__ import annotations

import httpx

from fireside.engines.transformers import TransformersEngine

OURS = ("/completion", "/tokenize", "/apply-template")
THEIRS = ("/reset", "/load_model", "/v1/models", "/v1/chat/completions", "/v1/completions", "/v1/responses")
OTHERS = ("/", "/health", "/docs", "/openapi.json", "/v1/systemone", "/v1/audio/transcriptions", "/nowhere")
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD")


def client_of(engine: TransformersEngine) -> httpx.AsyncClient:
    host, port = engine._wire.address
    assert host == "127.0.0.1"
    return httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False)


async def test_without_the_key_every_route_is_401(engine: TransformersEngine) -> None:
    async with client_of(engine) as client:
        for path in (*OURS, *THEIRS, *OTHERS):
            for method in METHODS:
                assert (await client.request(method, path)).status_code == 401, (method, path)
            for wrong in ("Bearer wrong", "", "Bearer", f"Basic {engine._wire.key}", engine._wire.key):
                answer = await client.post(path, headers={"authorization": wrong})
                assert answer.status_code == 401, (path, wrong)


async def test_two_keys_are_none(engine: TransformersEngine) -> None:
    right = ("authorization", f"Bearer {engine._wire.key}")
    async with client_of(engine) as client:
        answer = await client.post("/tokenize", headers=[right, ("authorization", "Bearer x")])
        assert answer.status_code == 401


async def test_there_are_three_routes_and_none_of_transformers_own(engine: TransformersEngine) -> None:
    async with client_of(engine) as client:
        client.headers["authorization"] = f"Bearer {engine._wire.key}"
        for path in (*THEIRS, *OTHERS):
            for method in METHODS:
                assert (await client.request(method, path)).status_code == 404, (method, path)
        for path in OURS:
            assert (await client.get(path)).status_code == 404
            assert (await client.post(path, content=b"{")).status_code == 400
    assert engine.alive


async def test_a_web_page_gets_nowhere_even_with_the_key(engine: TransformersEngine) -> None:
    asked = {"content": "a", "parse_special": False, "add_special": False}
    async with client_of(engine) as client:
        client.headers["authorization"] = f"Bearer {engine._wire.key}"
        assert (await client.post("/tokenize", json=asked)).status_code == 200
        for origin in ("https://evil.example", "null", "http://127.0.0.1:3473"):
            answer = await client.post("/tokenize", json=asked, headers={"origin": origin})
            assert answer.status_code == 403
            assert not [name for name in answer.headers if name.startswith("access-control")]
