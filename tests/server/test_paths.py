"""Where things lie on this machine is told to those who look after its models, not to who only chats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fireside.aliases import AdapterReference, Alias
from made_lora import lora
from visiting import LAN, Place, bearer

ROUTES = ("/fireside/v1/models", "/fireside/v1/models/show", "/fireside/v1/status", "/fireside/v1/settings")


@pytest.fixture
def place(open_place: Callable[..., Place], tmp_path: Path, smollm2: Path) -> Place:
    adapter = tmp_path / "lora.gguf"
    adapter.write_bytes(lora())
    place = open_place(llama_server=str(tmp_path / "llama-server"), database=str(tmp_path / "mine.db"))
    place.app.library.made.save("poet", Alias(f"file:{smollm2}", adapters=(AdapterReference(str(adapter)),)))
    return place


async def told(place: Place, key: str, route: str) -> Any:
    parameters = {"reference": place.app.settings.model} if route.endswith("show") else {}
    answer = await place.phone(LAN).get(route, params=parameters, headers=bearer(key))
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("route", ROUTES)
async def test_a_key_that_may_only_chat_is_told_no_path(place: Place, tmp_path: Path, route: str) -> None:
    chat, models = await place.key("chat", "chat"), await place.key("models", "chat", "models")
    theirs, known = [await told(place, key, route) for key in (chat, models)]
    assert str(tmp_path) not in theirs.text
    assert '"path":"' not in theirs.text
    assert str(tmp_path) in known.text or '"path":"' in known.text


async def test_what_a_model_is_made_of_is_told_by_its_files_names(place: Place) -> None:
    cards = (await told(place, await place.key("chat", "chat"), ROUTES[0])).json()["models"]
    assert [card["adapters"] for card in cards if card["name"] == "poet"] == [["lora.gguf"]]
