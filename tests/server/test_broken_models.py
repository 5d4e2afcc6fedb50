"""A model of the settings that can't be used is shown with what is wrong, and stands in nobody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from fireside.settings import Settings
from visiting import CHATS, OWNER, Place

MODELS = "/fireside/v1/models"
FAULTS = ["gone", "damaged", "no reference", "no alias", "no remote"]


@pytest.fixture
async def place_with(tmp_path: Path, smollm2: Path) -> AsyncIterator[Callable[[str], Place]]:
    """A server whose default model has a fault, beside one that is sound."""
    async with AsyncExitStack() as opened:

        def opening(fault: str) -> Place:
            path = tmp_path / "mine.gguf"
            if fault == "damaged":
                path.write_bytes(b"GGUF, but not for long")
            models = {"no reference": "mine?", "no alias": "alias:mine", "no remote": "remote:mine/x"}
            place = Place(tmp_path, Settings(model=models.get(fault, f"file:{path}")), opened)
            opened.push_async_callback(place.app.aclose)
            place.app.library.import_in_place(f"file:{smollm2}")
            return place

        yield opening


async def listed(place: Place) -> dict[str, Any]:
    answer = await place.here.get(MODELS)
    assert answer.status_code == 200, answer.text
    return {card["name"]: card for card in answer.json()["models"]}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_other_models_are_listed_and_answer(
    place_with: Callable[[str], Place], smollm2: Path, fault: str
) -> None:
    place, sound = place_with(fault), f"file:{smollm2}"
    cards = await listed(place)
    (broken,) = (card for card in cards.values() if card["is_default"])
    assert broken["problem"]
    assert not broken["installed"]
    assert [card["reference"] for card in cards.values() if not card["problem"]] == [sound]
    shown = await place.here.get(f"{MODELS}/show", params={"reference": sound})
    assert shown.json()["reference"] == sound
    assert (await place.here.get(f"{MODELS}/fit")).status_code == 200
    for listing in ("/v1/models", "/api/tags"):
        names = (await place.here.get(listing)).json()
        assert [len(those) for those in names.values() if isinstance(those, list)] == [1]
    chat = await place.here.post(CHATS, json={"defaults": {"model": sound}})
    posted = await place.here.post(f"{CHATS}/{chat.json()['id']}/messages", json={"text": "Hi"})
    assert posted.status_code == 201, posted.text
    name = next(card["name"] for card in cards.values() if not card["problem"])
    message = {"role": "user", "content": "Hi"}
    asked = await place.here.post("/v1/chat/completions", json={"model": name, "messages": [message]})
    assert asked.status_code == 200, asked.text


async def test_who_asks_the_broken_one_is_told_what_is_wrong(place_with: Callable[[str], Place]) -> None:
    place = place_with("damaged")
    chat = (await place.here.post(CHATS)).json()["id"]
    refused = await place.here.post(f"{CHATS}/{chat}/messages", json={"text": "Hi"}, headers=OWNER)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "model_damaged")
    assert (await listed(place))["mine.gguf"]["problem"] == refused.json()["error"]["message"]
