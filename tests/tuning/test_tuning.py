"""A model is tuned with the real engine, quickly: what was found is kept, shown, and used by the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from fireside.engines.tuned import Profiles
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.profiles import Conditions, Profile, Tuned
from fireside.settings import Home, Settings
from fireside.tuning.texts import story
from serving import gone, wait_for
from starting import moved_home

Fireside = Callable[..., subprocess.CompletedProcess[str]]
QUICKLY = ("--no-build", "--seconds", "5")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Home]:
    with (
        moved_home(tmp_path_factory.mktemp("home"), smollm2) as moved,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("FIRESIDE_THREADS", "FIRESIDE_PROMPT_THREADS"):
            patch.setenv(name, "1")
        yield moved


def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fireside", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    return done


def profiles(home: Home) -> list[Path]:
    return sorted(home.profiles.glob("*")) if home.profiles.is_dir() else []


def test_a_dry_run_measures_and_leaves_nothing(home: Home) -> None:
    told = json.loads(run("tune", *QUICKLY, "--dry-run", "--json").stdout)
    assert told["built"] is None
    found = told["profile"]
    assert found["speeds"]
    assert found["trials"]
    assert all(speed["before"] > 0 and speed["after"] > 0 for speed in found["speeds"])
    assert found["measured_with"]["engine"].startswith("xllamacpp")
    assert profiles(home) == []


def test_what_was_found_is_kept_and_reset_deletes_it(home: Home) -> None:
    told = run("tune", *QUICKLY).stdout
    assert "tune --reset" in told
    assert "measured with" in told
    (path,) = profiles(home)
    kept = json.loads(path.read_text())
    assert kept["model"] in told
    assert set(kept["tuned"]) <= set(Tuned.__struct_fields__)
    assert "as usual" in run("tune", "--reset").stdout
    assert profiles(home) == []


def test_what_is_set_stays_and_the_rest_is_tried(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"threads": "1", "waiting": "passive", "flash_attention": "false"}
    for name, value in (own | {"cache_type": "f16", "speculation": "off", "slots": "2"}).items():
        monkeypatch.setenv(f"FIRESIDE_{name.upper()}", value)
    found = json.loads(run("tune", "--no-build", "--seconds", "60", "--dry-run", "--json").stdout)["profile"]
    assert {trial["name"] for trial in found["trials"]} == {"batch"}
    assert all(trial["gain"] > 0 for trial in found["trials"])
    assert {name: str(found["tuned"][name]).lower() for name in own} == own


def test_reset_of_one_model_leaves_what_was_found_for_others(home: Home, smollm2: Path) -> None:
    model = ModelFiles(Library(home.models, os.environ), Settings()).at_hand(str(smollm2))
    assert model
    for identity in (model.identity, "sha256:another"):
        measured_with = Conditions("an engine", identity, "a processor", 1, 1)
        Profiles(home.profiles, Settings).write(Profile("a model", measured_with, Tuned(threads=1)))
    assert "runs as usual" in run("tune", "--reset", smollm2).stdout
    (left,) = profiles(home)
    assert json.loads(left.read_text())["measured_with"]["model"] == "sha256:another"
    assert "nothing to delete" in run("tune", "--reset", smollm2).stdout
    run("tune", "--reset")
    assert profiles(home) == []


def test_a_dry_run_builds_nothing(home: Home) -> None:
    assert "--build" in run("tune", "--dry-run", "--build", code=2).stderr
    assert not home.engines.exists()


def test_ctrl_c_leaves_everything_as_it_was(home: Home) -> None:
    command = [sys.executable, "-m", "fireside", "tune", "--no-build"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    (tuning,) = wait_for(lambda: children(process.pid), "the measuring has begun")
    (engine, *_) = wait_for(lambda: children(tuning), "an engine is there")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    wait_for(lambda: gone(tuning) and gone(engine), "nothing is left of it")
    assert profiles(home) == []


def children(pid: int) -> list[int]:
    told = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, check=False, text=True
    )
    return [int(line) for line in told.stdout.split()]


def test_a_model_that_is_elsewhere_or_not_here_is_refused_with_a_hint(home: Home) -> None:
    assert "models pull" in run("tune", "hf:owner/nothing-GGUF", "--no-build", code=1).stderr
    assert "elsewhere" in run("tune", "remote:office/x", "--no-build", code=1).stderr


def test_hardly_any_two_texts_share_a_dozen_words_in_a_row() -> None:
    def runs(text: str, length: int) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[at : at + length]) for at in range(len(words) - length)}

    texts = [runs(story(Random(seed)), 12) for seed in range(40)]
    shared = sum(len(one & other) for at, one in enumerate(texts) for other in texts[:at])
    assert shared <= 20  # of 780 pairs
