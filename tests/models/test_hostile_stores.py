"""Whatever lies in another program's folder, looking there gives reasons, and nothing worse."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import made_gguf
import made_homes
from fireside.errors import FiresideError
from fireside.models.library import Library
from fireside.models.sources import ollama as ollama_source
from made_homes import LAYER, PROGRAMS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
DIGESTS = ["sha256:" + "0" * 64, "sha256-..", "sha256:../../etc/passwd", "", "sha256:" + "G" * 64]
KINDS = [LAYER + kind for kind in ("model", "params", "system", "license", "tensor", "projector")]
LAYERS = st.fixed_dictionaries(
    {"mediaType": st.sampled_from(KINDS), "digest": st.sampled_from(DIGESTS), "size": JSON}
)
MANIFESTS = JSON | st.fixed_dictionaries(
    {
        "mediaType": st.sampled_from([ollama_source.LIST, "x"]),
        "layers": st.lists(LAYERS | JSON, max_size=4),
        "manifests": st.lists(JSON | LAYERS, max_size=3),
    }
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ollama_source, "SYSTEM_WIDE", ())
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def library_of(home: Path) -> Library:
    return Library(home.parent / "models", {"HOME": str(home)})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(manifest=MANIFESTS)
def test_any_manifest_of_ollamas_gives_a_reason(home: Path, manifest: Any) -> None:
    made_homes.ollama_manifest(home / ".ollama/models", "bad/latest", []).write_text(json.dumps(manifest))
    (found,) = library_of(home).found().models
    assert (found.reference, found.card) == ("ollama:bad:latest", None)
    assert found.reason
    assert found.hint


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize(
    "file",
    [
        ".lmstudio/settings.json",
        ".lmstudio-home-pointer",
        ".config/nomic.ai/GPT4All.ini",
        ".local/share/Jan/settings.json",
        ".local/share/Jan/data/llamacpp/models/x/model.yml",
        ".cache/huggingface/hub/models--a--b/refs/main",
    ],
)
def test_any_bytes_where_programs_keep_their_settings_are_survived(
    home: Path, file: str, data: bytes
) -> None:
    path = home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    library_of(home).found()
    for reference in ("lmstudio:a/b/c.gguf", "gpt4all:x.gguf", "jan:x", "hf-cache:a/b"):
        with contextlib.suppress(FiresideError):
            library_of(home).card(reference)


@pytest.mark.parametrize("path", ["a\0b.gguf", "a/" * 5_000, "a" * 500])
def test_a_path_that_no_file_can_have_hides_no_other_model(home: Path, tmp_path: Path, path: str) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(made_gguf.gguf())
    sound = made_homes.jan(home, weights)
    broken = home / ".local/share/Jan/data/llamacpp/models/broken"
    broken.mkdir()
    (broken / "model.yml").write_text(f"model_path: {path}\n")
    reasons = {one.reference: one.reason for one in library_of(home).found().models}
    assert reasons == {sound: None, "jan:broken": "its description names no weights"}


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "empty"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_file_of_a_store_is_waited_for_or_believed(
    home: Path, tmp_path: Path, program: str, kind: str
) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(made_gguf.gguf())
    PROGRAMS[program](home, weights)
    for path in [path for path in home.rglob("*") if not path.is_dir()]:
        kept = path.with_name("kept")
        path.rename(kept)
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "loop":
                path.symlink_to(path.name)
            case _:
                path.touch()
        library_of(home).found()
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        kept.rename(path)
    assert [one.reason for one in library_of(home).found().models] == [None]
