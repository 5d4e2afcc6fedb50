"""Nobody gets in who shouldn't, and bad requests are told what is wrong with them."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

FOREIGN: list[dict[str, str]] = [
    {"host": "evil.example"},
    {"host": "evil.example:3473"},
    {"host": "127.0.0.1.evil.example"},
    {"host": ""},
    {"host": "evil.example@127.0.0.1"},
    {"host": "127.0.0.1/evil.example"},
    {"host": "127.0.0.1:port"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
]
OTHER_ENVELOPES = ("/api/", "/v1/messages")
OWNERS = {"/fireside/v1/stop", "/fireside/v1/backup", "/fireside/v1/restore"}


async def all_routes(api: httpx.AsyncClient) -> list[tuple[str, str]]:
    document = (await api.get("/openapi.json")).json()
    routes = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    assert len(routes) > 25
    return [*routes, ("GET", "/openapi.json"), ("GET", "/nowhere")]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_foreign_hosts_and_pages_get_403_on_every_route(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for method, path in await all_routes(api):
        answer = await api.request(method, path, headers=headers)
        assert answer.status_code == 403, (method, path)
        if not path.startswith(OTHER_ENVELOPES):
            assert answer.json()["error"]["code"] == "forbidden"
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_no_answer_of_the_interface_is_kept_on_its_way(api: httpx.AsyncClient) -> None:
    for method, path in await all_routes(api):
        if method == "GET":
            answer = await api.get(path)
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["x-content-type-options"] == "nosniff", path
    refused = await api.get("/fireside/v1/conversations", headers={"host": "evil.example"})
    assert refused.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data"],
)
async def test_what_a_page_can_post_anywhere_is_refused(api: httpx.AsyncClient, kind: str) -> None:
    answer = await api.post("/fireside/v1/conversations", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 403


async def test_ones_own_page_may_be_visited_from_a_link_and_use_the_interface(api: httpx.AsyncClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert (await api.get("/", headers=link)).status_code == 200
    own = {"origin": "http://127.0.0.1:3473", "sec-fetch-site": "same-origin"}
    assert (await api.post("/fireside/v1/conversations", json={}, headers=own)).status_code == 201


async def test_routes_of_the_owner_need_the_token(api: httpx.AsyncClient) -> None:
    for path in OWNERS:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer "}):
            answer = await api.post(path, json={"path": "/nowhere"}, headers=headers)
            assert answer.status_code == 403, path
    by_path = {"content-type": "application/json"}
    refused = await api.post("/fireside/v1/import", content=b'{"path": "/etc/passwd"}', headers=by_path)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "reference",
    [
        "file:/etc/passwd",
        "/etc/passwd",
        "/etc/no-such-file",
        f"https://192.0.2.9/x.gguf#sha256={'0' * 64}",
        f"HTTPS://127.0.0.1/x.gguf#sha256={'0' * 64}",
    ],
)
async def test_only_the_owner_names_files_as_models(api: httpx.AsyncClient, reference: str) -> None:
    chat = (await api.post("/fireside/v1/conversations", json={})).json()["id"]
    asked = [
        await api.post("/fireside/v1/models/pull", json={"reference": reference}),
        await api.get("/fireside/v1/models/show", params={"reference": reference}),
        await api.post("/fireside/v1/conversations", json={"defaults": {"model": reference}}),
        await api.patch(f"/fireside/v1/conversations/{chat}", json={"defaults": {"model": reference}}),
        await api.post(
            f"/fireside/v1/conversations/{chat}/messages", json={"text": "Hi", "model": reference}
        ),
    ]
    assert [answer.status_code for answer in asked] == [403] * len(asked)
    owner = {"authorization": "Bearer the-token"}
    shown = await api.get("/fireside/v1/models/show", params={"reference": reference}, headers=owner)
    assert shown.status_code != 403


HOSTILE: list[tuple[bytes, str | None]] = [
    (b"{", None),
    (b'{"text": "\xff"}', None),
    (b'{"text": "\\ud800"}', None),
    (b"[" * 100_000 + b"]" * 100_000, None),
    (b'{"parts": ' + b"[" * 100_000, None),
    (b'{"text": "x", "sampling": {"temperature": NaN}}', None),
    (b'{"text": "x", "sampling": {"temperature": 1e999}}', "sampling.temperature"),
    (b'{"text": "x", "sampling": {"seed": ' + b"9" * 10_000 + b"}}", None),
    (b'{"text": "x", "sampling": {"top_k": -5}}', "sampling.top_k"),
    (b'{"text": "x", "sampling": {"beam": 5}}', "sampling.beam"),
    (b'{"text": "x", "colour": 5}', "colour"),
    (b'{"text": 5}', "text"),
    (b'{"text": "x", "text": "y"}', "text"),
    (b'{"text": "x", "parts": [{"type": "text", "text": "y"}]}', "parts"),
    (b'{"text": "x", "format": "poem"}', "format"),
    (b'{"parts": [{"type": "gun", "text": "x"}]}', None),
    (b'{"text": "x", "sampling": {"stop": ["' + b"x" * 201 + b'"]}}', None),
]


@pytest.mark.parametrize(("body", "field"), HOSTILE, ids=lambda value: str(value)[:40])
async def test_hostile_bodies_get_400_with_the_field(
    api: httpx.AsyncClient, body: bytes, field: str | None
) -> None:
    conversation = (await api.post("/fireside/v1/conversations", json={})).json()["id"]
    answer = await api.post(
        f"/fireside/v1/conversations/{conversation}/messages",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "type", "param", "hint"}
    assert field is None or error["param"] == field
    assert (await api.get(f"/fireside/v1/conversations/{conversation}")).json()["messages"] == []


async def test_a_message_of_10_megabytes_is_refused_by_its_size(api: httpx.AsyncClient) -> None:
    conversation = (await api.post("/fireside/v1/conversations", json={})).json()["id"]
    path = f"/fireside/v1/conversations/{conversation}/messages"

    async def chunks() -> object:
        yield b'{"text": "'
        for _ in range(100):
            yield b"x" * 100_000
        yield b'"}'

    told = await api.post(path, json={"text": "x" * 10_000_000})
    chunked = await api.post(path, content=chunks(), headers={"content-type": "application/json"})  # type: ignore[arg-type]
    large = await api.post(path, json={"text": "x" * 5_000_000})
    for answer in (told, chunked, large):
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("text", ["", "  \n\t"])
async def test_an_empty_message_is_refused(api: httpx.AsyncClient, text: str) -> None:
    conversation = (await api.post("/fireside/v1/conversations", json={})).json()["id"]
    answer = await api.post(f"/fireside/v1/conversations/{conversation}/messages", json={"text": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "empty_message")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fireside/v1/conversations/none", 404, "conversation_not_found"),
        ("GET", "/fireside/v1/messages/none", 404, "message_not_found"),
        ("GET", "/fireside/v1/replies/none/events", 404, "message_not_found"),
        ("GET", "/fireside/v1/personas/none", 404, "persona_not_found"),
        ("GET", "/fireside/v1/models/show?reference=pypi:none", 404, "model_not_found"),
        ("GET", "/fireside/v1/models/show?reference=pypi:..%2f..%2fx", 400, "bad_reference"),
        ("GET", "/fireside/v1/conversations?limit=0", 400, "invalid_request"),
        ("GET", "/fireside/v1/conversations?colour=red", 400, "invalid_request"),
        ("GET", "/fireside/v1/conversations?cursor=what", 400, "invalid_request"),
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/health", 405, "invalid_request"),
    ],
)
async def test_what_is_not_there_is_said_in_the_envelope(
    api: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code


async def test_an_unknown_model_is_refused_before_anything_is_stored(api: httpx.AsyncClient) -> None:
    conversation = (await api.post("/fireside/v1/conversations", json={})).json()["id"]
    path = f"/fireside/v1/conversations/{conversation}"
    answer = await api.post(f"{path}/messages", json={"text": "Hi", "model": "pypi:no-such-model"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert answer.json()["error"]["hint"]
    assert (await api.get(path)).json()["messages"] == []


async def test_the_documentation_names_every_shape(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    assert {"Tree", "StoredMessage", "ServerStatus", "NewMessage", "ErrorAnswer"} <= set(schemas)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= set(schemas)


async def test_a_file_is_not_named_behind_the_owners_back(api: httpx.AsyncClient) -> None:
    toml = 'description = "x"\nmodel = "file:/etc/passwd"\n'
    saved = await api.put("/fireside/v1/personas/evil", json={"toml": toml})
    assert saved.status_code == 403
    document = {
        "format": "fireside",
        "version": 1,
        "conversations": [
            {"id": "c", "title": "t", "defaults": {"model": "file:/etc/passwd"}, "messages": []}
        ],
    }
    binary = {"content-type": "application/octet-stream"}
    await api.post("/fireside/v1/import", content=json.dumps(document).encode(), headers=binary)
    for conversation in (await api.get("/fireside/v1/conversations")).json()["conversations"]:
        assert conversation["defaults"]["model"] is None


async def test_two_messages_at_once_follow_one_another(api: httpx.AsyncClient) -> None:
    chat = (await api.post("/fireside/v1/conversations", json={})).json()["id"]
    path = f"/fireside/v1/conversations/{chat}"
    posts = [api.post(f"{path}/messages", json={"text": f"{number}"}) for number in range(5)]
    replies = [answer.json()["reply"]["id"] for answer in await asyncio.gather(*posts)]
    for reply in replies:
        await api.get(f"/fireside/v1/replies/{reply}/events")
    tree = (await api.get(path)).json()
    assert len([message for message in tree["messages"] if message["parent_id"] is None]) == 1
    assert {message["status"] for message in tree["messages"]} == {"complete"}
