"""A model that is removed takes along what was made of it, and never while that answers somebody."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fireside.aliases import Alias
from fireside.app import App
from fireside.engines.leases import Engines
from fireside.errors import Conflict, ModelDamaged
from fireside.models.shelf import SMOLLM2
from fireside.models.sources.pypi import Sidecar
from fireside.settings import Home, Settings
from scripted import ScriptedStart


@pytest.fixture
async def app(tmp_path: Path, smollm2: Path) -> AsyncIterator[App]:
    """A server whose model was fetched."""
    settings = Settings(slots=1)
    home = Home(tmp_path, tmp_path)
    path = home.models / "pypi" / SMOLLM2.project / SMOLLM2.file_name
    path.parent.mkdir(parents=True)
    shutil.copyfile(smollm2, path)
    status = path.stat()
    sidecar = Sidecar("x", "x", (), "x", SMOLLM2.sha256, status.st_size, status.st_mtime_ns)
    path.with_name(path.name + ".json").write_bytes(msgspec.json.encode(sidecar))
    app = App.open(settings, home, Engines(ScriptedStart(), settings))
    yield app
    await app.aclose()


async def test_what_was_made_of_a_model_keeps_it_while_it_answers(app: App) -> None:
    app.library.made.save("poet", Alias(app.settings.model, context_length=512))
    file = app.files.at_hand("poet")
    assert file is not None
    assert file.reference == "alias:poet"
    async with app.engines.lease(file):
        with pytest.raises(Conflict, match="answering"):
            await app.catalogue.remove(app.settings.model)
    await app.catalogue.remove(app.settings.model)
    assert not app.library.card(app.settings.model).installed
    (status,) = app.engines.statuses()
    assert status.unloads_in_s == 0.0


async def test_a_damaged_model_can_be_removed(app: App) -> None:
    path = Path(app.library.card(app.settings.model).path or "")
    path.unlink()
    path.write_bytes(b"GGUF")
    with pytest.raises(ModelDamaged):
        app.library.card(app.settings.model)
    await app.catalogue.remove(app.settings.model)
    assert not path.exists()
