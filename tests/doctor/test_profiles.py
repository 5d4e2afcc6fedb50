"""The doctor says whether the model runs as it was tuned."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from examining import Findings
from fireside.engines.tuned import conditions, profiles_of
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.profiles import Profile, Tuned
from fireside.settings import Home, load_settings


@pytest.mark.parametrize(
    ("change", "told"), [({}, "found it best"), ({"cores": 99}, "another number of cores")]
)
def test_a_profile_is_told_and_one_that_is_not_used_too(
    home: Home,
    smollm2: Path,
    examined: Findings,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
    told: str,
) -> None:
    monkeypatch.setenv("FIRESIDE_MODEL", f"file:{smollm2}")
    settings = load_settings(home)
    model = ModelFiles(Library(home.models, {}), settings).at_hand(settings.model)
    assert model is not None
    measured_with = msgspec.structs.replace(conditions(model, settings), **change)
    profiles_of(settings, home).write(Profile(model.reference, measured_with, Tuned(batch=64)))
    found = [str(finding.what) for finding in examined(about="engine", engine=True)]
    assert any(told in message for message in found), found
