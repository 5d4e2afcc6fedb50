"""Models of the hub: the real `huggingface_hub` client, against a hub on the loopback interface."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import made_gguf
from fireside.errors import ConfigError, Conflict, DownloadFailed, ModelNotFound
from fireside.models.library import Library
from fireside.models.sources import PullProgress
from hub_server import REVISION, Repo, TestHub
from made_folder import write_folder
from tiny_hub import GGUF, LARGE, PLAIN_NAME, REFERENCE, SMALL, WEIGHTS, WHOLE, files


@pytest.fixture
def library(folder: Path, environ: dict[str, str], hub: TestHub) -> Library:
    return Library(folder, environ)


async def test_a_repository_means_its_best_quantization_and_the_card_says_all(
    library: Library, hub: TestHub, folder: Path
) -> None:
    card = await library.ensure(PLAIN_NAME)
    assert card.reference == REFERENCE
    assert card.installed
    assert Path(card.path or "").read_bytes() == SMALL
    assert card.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert card.licence == "Apache-2.0"
    assert card.languages == ("en", "de")
    assert card.revision == REVISION
    assert card.origin == f"{hub.url}/{GGUF} at {REVISION[:8]}"
    assert card.terms is None
    assert files(folder) == WHOLE
    assert library.card(PLAIN_NAME) == card
    assert [one.reference for one in library.installed()] == [REFERENCE]
    assert library.weights(PLAIN_NAME).identity == card.sha256


async def test_before_a_download_the_card_says_what_it_would_bring(library: Library, hub: TestHub) -> None:
    card = await library.look_up(PLAIN_NAME)
    assert (card.reference, card.size_bytes, card.installed) == (REFERENCE, len(SMALL), False)
    assert (card.licence, card.quantization, card.weights) == ("Apache-2.0", "Q4_K_M", "gguf")
    assert not hub.large_asked


@pytest.mark.parametrize(
    ("name", "repo", "told"),
    [
        (
            "maker/small-Instruct-GGUF",
            Repo({"x-Q4_K_M.gguf": SMALL, "mmproj-x-f16.gguf": SMALL}, task="image-text-to-text"),
            {"purpose": "chat", "tuned_for": "instruct", "sees": True, "needs_trust": False},
        ),
        (
            "maker/bge-gguf",
            Repo({"x-Q8_0.gguf": SMALL}, task="feature-extraction"),
            {"purpose": "embedding", "tuned_for": None, "sees": False, "needs_trust": False},
        ),
        (
            "maker/own-base",
            Repo({"config.json": b"{}", "model.safetensors": b"x", "own.py": b""}, tags=["custom_code"]),
            {"purpose": "chat", "tuned_for": "base", "sees": False, "needs_trust": True},
        ),
    ],
)
async def test_before_a_download_the_card_says_what_the_model_is_for_and_can_do(
    library: Library, hub: TestHub, name: str, repo: Repo, told: dict[str, object]
) -> None:
    hub.repos[name] = repo
    card = await library.look_up(f"hf:{name}")
    assert {field: getattr(card, field) for field in told} == told


async def test_a_quantization_and_a_file_can_be_named(library: Library) -> None:
    assert (await library.ensure(f"{PLAIN_NAME}:q8_0")).reference == f"{PLAIN_NAME}:Q8_0"
    card = await library.ensure(f"{PLAIN_NAME}:tiny-Q4_K_M.gguf")
    assert card.reference == REFERENCE
    assert {one.reference for one in library.installed()} == {REFERENCE, f"{PLAIN_NAME}:Q8_0"}


async def test_a_file_is_found_again_by_its_name_alone(library: Library, hub: TestHub) -> None:
    hub.repos["maker/deep"] = Repo({"a/deep.gguf": SMALL, "b/other.gguf": LARGE})
    card = await library.ensure("hf:maker/deep:deep.gguf")
    assert (card.reference, card.installed) == ("hf:maker/deep:a/deep.gguf", True)
    assert library.card("hf:maker/deep:deep.gguf") == card
    assert (await library.ensure(card.reference)) == card


async def test_a_model_that_has_moved_is_told_by_its_new_name(library: Library, hub: TestHub) -> None:
    hub.repos["maker/old"] = Repo({"x-Q4_0.gguf": SMALL}, id="maker/new")
    with pytest.raises(ModelNotFound, match="has moved to maker/new") as moved:
        await library.ensure("hf:maker/old")
    assert moved.value.hint == "use hf:maker/new"


@pytest.mark.parametrize(
    ("name", "words"),
    [(f"{PLAIN_NAME}:Q2_K", "it has no Q2_K"), ("hf:maker/nothing", "shows no model maker/nothing")],
)
async def test_what_is_not_there_is_said(library: Library, name: str, words: str) -> None:
    with pytest.raises(ModelNotFound, match=words) as failed:
        await library.ensure(name)
    assert failed.value.hint


async def test_parts_of_a_split_model_come_together_and_the_first_is_loaded(
    library: Library, hub: TestHub, folder: Path
) -> None:
    parts = {
        f"Q8_0/big-Q8_0-{number + 1:05}-of-00003.gguf": made_gguf.gguf(
            {"split.no": number, "split.count": 3}, weights=WEIGHTS
        )
        for number in range(3)
    }
    hub.repos["maker/big"] = Repo(parts)
    seen: list[PullProgress] = []
    card = await library.ensure("hf:maker/big", seen.append)
    assert card.reference == "hf:maker/big:Q8_0"
    assert card.size_bytes == sum(map(len, parts.values()))
    assert library.weights(card.reference).size_bytes == card.size_bytes
    assert Path(card.path or "").name == "big-Q8_0-00001-of-00003.gguf"
    assert len([name for name in files(folder) if name.endswith(".gguf")]) == 3
    for stage in ("fetching", "verifying"):
        done = [progress.done_bytes for progress in seen if progress.stage == stage]
        assert done == sorted(done)
        assert done[-1] == card.size_bytes
    assert {progress.total_bytes for progress in seen} == {card.size_bytes}


async def test_a_model_that_sees_comes_with_its_projector(
    library: Library, hub: TestHub, folder: Path
) -> None:
    projector = made_gguf.gguf({"general.type": "mmproj", "general.architecture": "clip"}, weights=WEIGHTS)
    hub.repos["maker/seer"] = Repo({"seer-Q4_0.gguf": SMALL, "mmproj-seer-f16.gguf": projector})
    card = await library.ensure("hf:maker/seer")
    assert card.reference == "hf:maker/seer:Q4_0"
    assert card.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert card.size_bytes == len(SMALL) + len(projector)
    beside = Path(card.path or "").with_name("mmproj-seer-f16.gguf")
    assert beside.read_bytes() == projector
    library.remove("hf:maker/seer")
    assert files(folder) == []


async def test_a_folder_of_safetensors_comes_without_pickle_and_is_shown_as_what_it_is(
    library: Library, hub: TestHub, folder: Path, tmp_path: Path
) -> None:
    made = write_folder(tmp_path / "falcon")
    listed = {path.name: path.read_bytes() for path in made.iterdir()}
    others = {"pytorch_model.bin": b"x", "onnx/model.onnx": b"x", "modeling_falcon.py": b"raise SystemExit"}
    hub.repos["maker/falcon"] = Repo(listed | others, card={"license": "other", "license_name": "falcon"})
    before = await library.look_up("hf:maker/falcon")
    assert (before.weights, before.engine) == ("safetensors", "transformers")
    card = await library.ensure("hf:maker/falcon")
    assert (card.reference, card.name, card.engine) == ("hf:maker/falcon", "falcon", "transformers")
    assert card.size_bytes == before.size_bytes
    assert "falcon" in (card.terms or "")
    stored = {path.name for path in Path(card.path or "").rglob("*")}
    assert stored == {*listed, "modeling_falcon.py"}
    assert library.weights("hf:maker/falcon").path == Path(card.path or "")
    library.remove("hf:maker/falcon")
    assert files(folder) == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("config.json", "tf_model.h5"), "TensorFlow"),
        (("config.json", "flax_model.msgpack"), "Flax"),
        (("config.json", "pytorch_model.bin"), "never opened"),
        (("README.md",), "no GGUF or safetensors"),
    ],
)
async def test_weights_for_other_libraries_are_refused_unfetched(
    library: Library, hub: TestHub, names: tuple[str, ...], words: str
) -> None:
    hub.repos["maker/other"] = Repo(dict.fromkeys(names, b"x"))
    with pytest.raises(ModelNotFound, match=words) as failed:
        await library.ensure("hf:maker/other")
    assert "GGUF" in (failed.value.hint or "")
    assert not [request for request in hub.asked if "/resolve/" in request.path]


async def test_a_model_that_is_here_needs_nobody(
    library: Library, hub: TestHub, folder: Path, environ: dict[str, str]
) -> None:
    await library.ensure(PLAIN_NAME)
    asked = len(hub.asked)
    for offline in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:1"}):
        later = Library(folder, environ | offline)
        for name in (PLAIN_NAME, REFERENCE):
            assert (await later.ensure(name)).installed
            assert (await later.look_up(name)).installed
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("setting", "words"),
    [({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE"), ({"HF_ENDPOINT": "http://127.0.0.1:1"}, "reached")],
)
async def test_without_the_hub_what_is_missing_is_said(
    library: Library, folder: Path, environ: dict[str, str], setting: dict[str, str], words: str
) -> None:
    with pytest.raises(DownloadFailed, match=words) as failed:
        await Library(folder, environ | setting).ensure(PLAIN_NAME)
    assert failed.value.hint


async def test_a_login_in_the_endpoint_is_refused_and_not_repeated(
    folder: Path, environ: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="HF_ENDPOINT") as refused:
        await Library(folder, environ | {"HF_ENDPOINT": "https://me:secret@hub.example"}).ensure(PLAIN_NAME)
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"


def test_without_a_mirror_the_public_hub_is_asked() -> None:
    # In a process of its own: here other tests have loaded the client's parts already.
    told = "import fireside.models.hub as hub; print(hub.Hub({}).endpoint)"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    run = subprocess.run([sys.executable, "-c", told], env=environ, capture_output=True, text=True)
    assert run.stdout.strip() == "https://huggingface.co", run.stderr


@pytest.mark.parametrize("address", ["hub.example", "ftp://hub.example", "http://", "https://hub.example:x"])
async def test_an_endpoint_that_is_no_address_is_said(
    folder: Path, environ: dict[str, str], address: str
) -> None:
    with pytest.raises(ConfigError, match="HF_ENDPOINT"):
        await Library(folder, environ | {"HF_ENDPOINT": address}).ensure(PLAIN_NAME)


@pytest.mark.parametrize(
    "instead",
    [
        (200, b"<html>please log in</html>"),
        (200, b"[]"),
        (200, b'{"id": "../../x", "sha": "0123456789abcdef0123456789abcdef01234567"}'),
        (200, b'{"id": "maker/tiny-GGUF", "sha": "../../../x"}'),
        (500, b""),
        (403, b"no"),
    ],
)
async def test_what_is_no_hub_is_said_and_stores_nothing(
    library: Library, hub: TestHub, folder: Path, instead: tuple[int, bytes]
) -> None:
    hub.instead = instead
    with pytest.raises(DownloadFailed) as failed:
        await library.ensure(PLAIN_NAME)
    assert failed.value.hint
    assert files(folder) == []


async def test_names_that_lead_out_of_the_folder_are_not_fetched(
    library: Library, hub: TestHub, tmp_path: Path
) -> None:
    hub.repos["maker/evil"] = Repo({"../../../../evil-Q4_0.gguf": SMALL, "x\\..\\y-Q8_0.gguf": SMALL})
    with pytest.raises(ModelNotFound):
        await library.ensure("hf:maker/evil")
    assert not list(tmp_path.rglob("*evil-Q4*"))


async def test_the_hub_sends_nobody_into_another_network(library: Library, hub: TestHub) -> None:
    hub.repos["maker/evil"] = Repo({"x-Q4_0.gguf": SMALL}, sent_to=f"{hub.large_url}/inside")
    with pytest.raises(DownloadFailed, match="another host"):
        await library.look_up("hf:maker/evil")
    assert hub.large_asked == []


@pytest.mark.parametrize("content", [SMALL, LARGE])
async def test_a_hash_that_is_a_path_is_no_files_name(
    library: Library, hub: TestHub, tmp_path: Path, content: bytes
) -> None:
    evil = tmp_path / "evil"
    hub.repos["maker/evil"] = Repo({"x-Q4_0.gguf": content}, hash_told=str(evil))
    (tmp_path / "evil.part").write_bytes(b"somebody's")
    with pytest.raises(DownloadFailed):
        await library.ensure("hf:maker/evil")
    assert (tmp_path / "evil.part").read_bytes() == b"somebody's"


async def test_removing_takes_only_what_was_fetched(library: Library, folder: Path) -> None:
    await library.ensure(REFERENCE)
    await library.ensure(f"{PLAIN_NAME}:Q8_0")
    with pytest.raises(Conflict, match="several models"):
        library.remove(PLAIN_NAME)
    library.remove(f"{PLAIN_NAME}:Q8_0")
    assert files(folder) == WHOLE
    library.remove(PLAIN_NAME)
    assert files(folder) == []
    with pytest.raises(ModelNotFound):
        library.remove(PLAIN_NAME)


async def test_two_names_of_one_model_are_one_download_that_nobody_removes_meanwhile(
    library: Library, hub: TestHub
) -> None:
    hub.pause_after = 1_000_000
    fetches = [asyncio.ensure_future(library.ensure(name)) for name in (PLAIN_NAME, REFERENCE)]
    await asyncio.to_thread(hub.paused.wait)
    for name in (PLAIN_NAME, REFERENCE, f"{PLAIN_NAME}:tiny-Q4_K_M.gguf"):
        with pytest.raises(Conflict, match="being fetched"):
            library.remove(name)
    hub.go_on.set()
    assert [(await fetch).reference for fetch in fetches] == [REFERENCE] * 2
    assert len(hub.downloads("tiny-Q4_K_M.gguf")) == 1


async def test_a_copy_that_broke_is_fetched_anew(library: Library, hub: TestHub) -> None:
    card = await library.ensure(REFERENCE)
    Path(card.path or "").write_bytes(SMALL[:1000])
    assert not library.card(REFERENCE).installed
    assert Path((await library.ensure(REFERENCE)).path or "").read_bytes() == SMALL
