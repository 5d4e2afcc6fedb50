"""Code that a model brings runs when the person has allowed exactly this code, and never before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import made_torch_models
from fireside.engines.transformers import start
from fireside.errors import ModelDamaged, NotTrusted
from fireside.models.inspection import inspect
from fireside.settings import Settings
from made_torch_models import model_in
from serving import PATIENCE_S, Served, environment, serving

TRANSCRIPT = {"format": "transcript"}


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file that the model's code writes."""
    return tmp_path / "ran"


@pytest.fixture
def folder(falcon: Path, tmp_path: Path, ran: Path) -> Path:
    return made_torch_models.with_code(falcon, tmp_path / "wishful", writes=ran)


@pytest.fixture
def served(tmp_path: Path, folder: Path) -> Iterator[Served]:
    with serving(tmp_path / "home", model=f"file:{folder}") as served:
        yield served


def fireside(served: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fireside", *arguments],
        env=environment(served.home.data),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )


def ask(served: Served) -> Any:
    chat = served.new_conversation(defaults=TRANSCRIPT)
    return served.ask(chat, "Hi", sampling={"max_tokens": 3, "seed": 1})


def test_it_runs_after_it_was_allowed_and_no_more_once_it_changed(
    served: Served, folder: Path, ran: Path
) -> None:
    reference = f"file:{folder}"
    # Listing, showing, pulling, looking at the code: nothing runs.
    assert served.get(f"/models/show?reference={reference}")["needs_trust"]
    served.get("/models")
    assert fireside(served, "models", "show", reference).returncode == 0
    assert fireside(served, "models", "pull", reference).returncode == 0
    looked = fireside(served, "models", "trust", reference, "--json")
    assert {file["name"] for file in json.loads(looked.stdout)["files"]} == {
        "configuration_wishful.py",
        "modeling_wishful.py",
    }
    assert "modeling_wishful.WishfulForCausalLM" in json.loads(looked.stdout)["named"].values()
    refused = ask(served)
    assert refused["failure"]["code"] == "not_trusted"
    assert f"fireside models trust {reference}" in refused["failure"]["hint"]
    # Nobody is there to be asked.
    assert fireside(served, "models", "trust", reference).returncode == 1
    assert not ran.exists()

    allowed = fireside(served, "models", "trust", reference, "--yes")
    assert allowed.returncode == 0, allowed.stderr
    assert "modeling_wishful.py" in allowed.stdout
    assert fireside(served, "models", "trust", "--list").stdout.strip() == reference
    assert ask(served)["status"] == "complete"
    assert ran.read_text() == "it ran"
    ran.unlink()

    code = folder / "modeling_wishful.py"
    code.write_text(code.read_text() + "\n# changed\n")
    assert ask(served)["failure"]["code"] == "not_trusted"
    assert not ran.exists()

    assert fireside(served, "models", "trust", reference, "--yes").returncode == 0
    assert fireside(served, "models", "trust", reference, "--revoke").returncode == 0
    assert fireside(served, "models", "trust", "--list").stdout == ""
    assert ask(served)["failure"]["code"] == "not_trusted"
    assert not ran.exists()


def test_only_the_owner_decides(served: Served, folder: Path) -> None:
    reference = f"file:{folder}"
    path = "/fireside/v1/models/code"
    digest = served.http.get(path, params={"reference": reference}, headers=served.owner).json()["digest"]
    made = served.post("/keys", {"name": "all", "scopes": ["chat", "models", "admin"]})
    key = {"authorization": f"Bearer {made['secret']}"}
    for headers in ({}, key):
        refused = [
            served.http.get(path, params={"reference": reference}, headers=headers),
            served.http.put(path, json={"reference": reference, "digest": digest}, headers=headers),
            served.http.delete(path, params={"reference": reference}, headers=headers),
            served.http.get("/fireside/v1/models/trusted", headers=headers),
        ]
        assert {answer.status_code for answer in refused} <= {401, 403}
    wrong = {"reference": reference, "digest": "0" * 64}
    assert served.http.put(path, json=wrong, headers=served.owner).status_code == 409


async def test_a_family_that_transformers_knows_runs_by_its_own_code(
    falcon: Path, settings: Settings, tmp_path: Path, ran: Path
) -> None:
    folder = made_torch_models.with_code(falcon, tmp_path / "known", writes=ran, family="falcon")
    assert not inspect(folder, reference="file:x", origin="here").needs_trust
    engine = await start(model_in(folder, has_template=False), settings)
    await engine.aclose()
    assert not ran.exists()


@pytest.mark.parametrize("allowed", [(), (("modeling_wishful.py", "0" * 64),)], ids=["none", "another"])
async def test_the_child_looks_for_itself_at_what_was_allowed(
    folder: Path, settings: Settings, ran: Path, allowed: tuple[tuple[str, str], ...]
) -> None:
    model = msgspec.structs.replace(model_in(folder, has_template=False), allowed_code=allowed)
    with pytest.raises(NotTrusted if allowed else ModelDamaged):
        await start(model, settings)
    assert not ran.exists()
