"""Where things lie on this machine is told to those who look after its models, not to who only chats."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fireside.aliases import AdapterReference, Alias
from fireside.conversions import Conversion
from fireside.messages import Defaults
from fireside.models.sources.converted import FILE, Record, settle, workshop
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


async def test_a_model_that_was_made_of_a_file_tells_no_folder(place: Place, smollm2: Path) -> None:
    key = await place.key("chat", "chat")
    await converted(place, smollm2)
    cards = (await told(place, key, ROUTES[0])).json()["models"]
    made = {card["name"]: card for card in cards}
    assert made["poet"]["alias_of"] == made["small"]["conversion"]["source"] == f"file:{smollm2.name}"
    for name in ("poet", "small"):
        assert str(smollm2.parent) not in str(made[name])


async def converted(place: Place, source: Path) -> None:
    """Put a model there as conversions do."""
    folder = place.app.home.models
    with workshop(folder, "small") as new:
        shutil.copyfile(source, new / FILE)
        status = (new / FILE).stat()
        settle(
            new,
            Record(
                origin=f"a file of this machine: {source}; converted here",
                conversion=Conversion(f"file:{source}", "Q8_0", "Q4_1"),
                sha256="",
                size_bytes=status.st_size,
                mtime_ns=status.st_mtime_ns,
                licence=None,
                terms=None,
                languages=(),
                tuned_for=None,
                defaults=Defaults(),
            ),
        )


@pytest.mark.parametrize("path", ["personas/bad", "models/show?reference=bad"])
async def test_an_error_tells_its_folder_only_to_whom_it_is_told_otherwise(
    place: Place, tmp_path: Path, path: str
) -> None:
    for folder in ("personas", "aliases"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "bad.toml").write_text("name =")
    chat, models = await place.key("chat", "chat"), await place.key("models", "chat", "models")
    theirs, known = [
        await place.phone(LAN).get(f"/fireside/v1/{path}", headers=bearer(key)) for key in (chat, models)
    ]
    assert theirs.status_code == known.status_code == 400
    assert str(tmp_path) in known.text
    assert str(tmp_path) not in theirs.text
    assert "bad.toml" in theirs.text
