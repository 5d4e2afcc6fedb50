"""Conversions over HTTP: what they would make, their progress, and who may ask for them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from serving import Served, read_sse, wait_for
from visiting import Place

CONVERSIONS = "/fireside/v1/models/conversions"
CONVERT = "/fireside/v1/models/convert"


def events_of(served: Served, path: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    with served.http.stream("POST", path, json=body, headers=served.owner) as response:
        assert response.status_code == 200, response.read()
        return [(name, data) for _, name, data in read_sse(response)]


def test_plans_are_told_for_each_format(served: Served, smollm2: Path) -> None:
    asked = {"reference": str(smollm2), "to": ["Q4_0", "Q8_0"]}
    plans = served.http.get(CONVERSIONS, params=asked, headers=served.owner).json()["plans"]
    assert [plan["kind"] for plan in plans] == ["Q4_0", "Q8_0"]
    assert plans[0]["size_bytes"] < plans[0]["source_bytes"] < plans[1]["size_bytes"]
    assert all(plan["notices"] for plan in plans)


def test_a_conversion_is_told_step_by_step_and_listed(served: Served, smollm2: Path) -> None:
    events = events_of(served, CONVERT, {"reference": str(smollm2), "to": "Q4_0", "name": "small"})
    assert events[-1][0] == "converted"
    model = events[-1][1]["model"]
    assert model["reference"] == "converted:small"
    assert model["conversion"]["kind"] == "Q4_0"
    listed = [one["reference"] for one in served.get("/models")["models"]]
    assert "converted:small" in listed
    removed = served.http.delete(
        "/fireside/v1/models", params={"reference": "converted:small"}, headers=served.owner
    )
    assert removed.status_code == 204


def test_whoever_leaves_ends_it_and_nothing_is_left(served: Served, smollm2: Path) -> None:
    body = {"reference": str(smollm2), "to": "Q8_0", "name": "left"}
    with served.http.stream("POST", CONVERT, json=body, headers=served.owner) as response:
        for _, name, _data in read_sse(response):
            assert name == "progress"
            break
    folder = served.home.models / "converted"
    wait_for(lambda: not list(folder.iterdir()), "nothing of it is left")
    time.sleep(0.2)
    assert list(folder.iterdir()) == []
    assert all(one["reference"] != "converted:left" for one in served.get("/models")["models"])


def test_nonsense_is_refused_before_anything_is_streamed(served: Served, smollm2: Path) -> None:
    wrong = served.http.post(CONVERT, json={"reference": str(smollm2), "to": "Q9"}, headers=served.owner)
    assert wrong.status_code == 400
    error = wrong.json()["error"]
    assert error["param"] == "to"
    assert "Q4_K_M" in error["hint"]


async def test_a_key_for_chats_may_not_convert(place: Place, smollm2: Path) -> None:
    key = await place.key("guest", "chat")
    headers = {"authorization": f"Bearer {key}"}
    body = {"reference": str(smollm2), "to": "Q4_0"}
    assert (await place.phone().post(CONVERT, json=body, headers=headers)).status_code == 403


async def test_a_key_for_models_may_not_name_any_file(place: Place, tmp_path: Path) -> None:
    key = await place.key("fetcher", "models")
    body = {"reference": f"file:{tmp_path}/secret.gguf", "to": "Q4_0"}
    answer = await place.phone().post(CONVERT, json=body, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 403
