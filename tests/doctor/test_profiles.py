"""The doctor says whether the model runs as it was tuned, and in which engine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from examining import Findings
from fireside.builds import Built, Compared
from fireside.doctor import machine
from fireside.engines import built, processor
from fireside.engines.threads import Conditions
from fireside.engines.tuned import conditions, profiles_of
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.native import source
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


def test_the_threads_are_those_of_the_profile(
    home: Home, smollm2: Path, examined: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads write where they were measured to be faster; as usual a core is left to others."""
    monkeypatch.setenv("FIRESIDE_MODEL", f"file:{smollm2}")
    monkeypatch.delenv("FIRESIDE_THREADS", raising=False)
    monkeypatch.delenv("FIRESIDE_PROMPT_THREADS", raising=False)
    settings = load_settings(home)
    model = ModelFiles(Library(home.models, {}), settings).at_hand(settings.model)
    assert model is not None
    monkeypatch.setattr(machine, "Watch", Quiet)
    monkeypatch.setattr(machine, "LOOKED_S", 0.0)

    def told() -> str:
        (found,) = [str(one.what) for one in examined(about="machine") if "these threads" in str(one.what)]
        return found

    assert "3 for replies, 4 for prompts" in told()
    tuned = Tuned(threads=4, prompt_threads=2)
    profiles_of(settings, home).write(Profile(model.reference, conditions(model, settings), tuned))
    assert "4 for replies, 2 for prompts" in told()


class Quiet:
    """A machine of four cores on which nobody else computes."""

    def conditions(self) -> Conditions:
        return Conditions(cores=(1.0,) * 4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "came along"),
        ({}, "1.6 times as fast reading, 1.2 writing"),
        ({"source": "an older one"}, "from another source"),
        ({"failed": "it crashed"}, "is not used: it crashed"),
        ({"size_bytes": 1}, "its file or the processor is another now"),
    ],
)
def test_the_engine_is_told_and_whether_another_would_be_better(
    home: Home, examined: Findings, change: dict[str, object] | None, told: str
) -> None:
    server = home.engines / "llama-server"
    server.parent.mkdir(parents=True)
    server.write_bytes(b"engine")
    found = Built(
        path=str(server),
        size_bytes=server.stat().st_size,
        mtime_ns=server.stat().st_mtime_ns,
        processor=processor.identity(),
        source=source.identity(),
        compiler="ziglang",
        compared=Compared("m", reading=1.62, writing=1.21, drift=0.0),
    )
    if change is not None:
        built.write(home.engines, msgspec.structs.replace(found, **change))
    findings = [*examined(about="engine", engine=True)]
    assert sum(told in str(finding.what) for finding in findings) == 1, findings
    assert (findings[-1].hint is None) == (change in (None, {}))


def test_an_engine_of_the_settings_is_named(
    home: Home, examined: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESIDE_LLAMA_SERVER", str(home.data / "mine"))
    assert any(
        "the settings name the engine" in str(one.what) for one in examined(about="engine", engine=True)
    )
