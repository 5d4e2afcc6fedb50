"""Models of the hub: the real `huggingface_hub` client, against a hub on the loopback interface."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import made_gguf
from fireside.errors import Conflict, DownloadFailed, ModelDamaged, ModelNotFound
from fireside.models.library import Library
from fireside.models.sources import PullProgress
from fireside.models.sources.download import BLOCK_BYTES
from hub_server import REVISION, Repo, TestHub, hub_server
from made_folder import write_folder

WEIGHTS = bytes(range(256)) * 8_192
SMALL, LARGE = made_gguf.gguf(weights=WEIGHTS), made_gguf.gguf({"general.file_type": 7}, weights=WEIGHTS * 2)
GGUF = "maker/tiny-GGUF"
CARD = {"license": "apache-2.0", "language": ["en", "de"], "base_model": "maker/tiny"}
PLAIN_NAME, REFERENCE = f"hf:{GGUF}", f"hf:{GGUF}:Q4_K_M"


@pytest.fixture
def hub(environ: dict[str, str]) -> Iterator[TestHub]:
    repo = Repo({"tiny-Q4_K_M.gguf": SMALL, "tiny-Q8_0.gguf": LARGE, "README.md": b"# Tiny"}, card=CARD)
    with hub_server(TestHub({GGUF: repo})) as running:
        environ |= {"HF_ENDPOINT": running.url, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
        yield running


@pytest.fixture
def library(folder: Path, environ: dict[str, str], hub: TestHub) -> Library:
    return Library(folder, environ)


def files(folder: Path) -> list[str]:
    """Return what is stored, without the locks."""
    every = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in every if not name.endswith(".lock"))


WHOLE = [f"hf/maker/tiny-gguf/{REVISION}/tiny-Q4_K_M.gguf", "hf/maker/tiny-gguf/Q4_K_M.json"]


async def test_a_repository_means_its_best_quantization_and_the_card_says_all(
    library: Library, hub: TestHub, folder: Path
) -> None:
    card = await library.ensure(PLAIN_NAME)
    assert card.reference == REFERENCE
    assert card.installed
    assert Path(card.path or "").read_bytes() == SMALL
    assert card.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert card.licence == "apache-2.0"
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
    assert (card.licence, card.quantization, card.weights) == ("apache-2.0", "Q4_K_M", "gguf")
    assert not hub.large_asked


async def test_a_quantization_and_a_file_can_be_named(library: Library) -> None:
    assert (await library.ensure(f"{PLAIN_NAME}:q8_0")).reference == f"{PLAIN_NAME}:Q8_0"
    card = await library.ensure(f"{PLAIN_NAME}:tiny-Q4_K_M.gguf")
    assert card.reference == REFERENCE
    assert {one.reference for one in library.installed()} == {REFERENCE, f"{PLAIN_NAME}:Q8_0"}


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


# -- who may have it


async def test_the_token_goes_to_the_hub_and_to_no_other_server(
    folder: Path, environ: dict[str, str], hub: TestHub
) -> None:
    hub.repos[GGUF].gated = True
    card = await Library(folder, environ | {"HF_TOKEN": hub.token}).ensure(PLAIN_NAME)
    assert "given only to those who accept" in (card.terms or "")
    assert all(request.headers["Authorization"] == f"Bearer {hub.token}" for request in hub.asked)
    assert hub.large_asked
    assert not [request for request in hub.large_asked if "Authorization" in request.headers]


@pytest.mark.parametrize(("token", "words"), [("", "HF_TOKEN"), ("hf_other", "accept them at")])
async def test_without_access_it_says_where_to_ask_for_it(
    folder: Path, environ: dict[str, str], hub: TestHub, token: str, words: str
) -> None:
    hub.repos[GGUF].gated = True
    library = Library(folder, environ | {"HF_TOKEN": token})
    assert "given only to those" in ((await library.look_up(PLAIN_NAME)).terms or "")
    with pytest.raises(DownloadFailed, match="accepted its terms") as failed:
        await library.ensure(PLAIN_NAME)
    assert words in (failed.value.hint or "")
    assert f"{hub.url}/{GGUF}" in (failed.value.hint or "")
    assert files(folder) == []


async def test_a_private_model_looks_like_none_until_there_is_a_token(
    folder: Path, environ: dict[str, str], hub: TestHub
) -> None:
    hub.repos[GGUF].private = True
    with pytest.raises(ModelNotFound) as failed:
        await Library(folder, environ).ensure(PLAIN_NAME)
    assert "HF_TOKEN" in (failed.value.hint or "")
    assert (await Library(folder, environ | {"HF_TOKEN": hub.token}).ensure(PLAIN_NAME)).installed


async def test_the_hub_hears_nothing_but_what_it_is_asked(library: Library, hub: TestHub) -> None:
    await library.ensure(PLAIN_NAME)
    known = (f"/api/models/{GGUF}?blobs=true", f"/{GGUF}/resolve/{REVISION}/tiny-Q4_K_M.gguf")
    assert {request.path for request in hub.asked} == set(known)
    assert not any("agent/" in request.headers.get("User-Agent", "") for request in hub.asked)


# -- what goes wrong on the way


async def test_a_connection_that_drops_is_taken_up_where_it_was(library: Library, hub: TestHub) -> None:
    hub.drop_after = [1_000_000]
    assert (await library.ensure(PLAIN_NAME)).installed
    first, second = hub.downloads("tiny-Q4_K_M.gguf")
    assert "Range" not in first.headers
    begun = int(second.headers["Range"].removeprefix("bytes=").rstrip("-"))
    assert 0 <= 1_000_000 - begun < BLOCK_BYTES


async def test_a_file_that_is_not_what_the_hub_said_is_not_kept(
    library: Library, hub: TestHub, folder: Path
) -> None:
    hub.altered["tiny-Q4_K_M.gguf"] = SMALL[:-1] + b"?"
    with pytest.raises(DownloadFailed, match="hash differs"):
        await library.ensure(PLAIN_NAME)
    assert not [name for name in files(folder) if "gguf" in Path(name).suffix or ".part" in name]
    del hub.altered["tiny-Q4_K_M.gguf"]
    assert (await library.ensure(PLAIN_NAME)).installed


async def test_a_file_that_is_gone_is_said(library: Library, hub: TestHub) -> None:
    hub.repos["maker/big"] = Repo({f"b-Q8_0-{n:05}-of-00002.gguf": SMALL for n in (1, 2)})
    hub.gone.add("b-Q8_0-00002-of-00002.gguf")
    with pytest.raises(ModelNotFound, match=r"hasn't b-Q8_0-00002-of-00002\.gguf any more"):
        await library.ensure("hf:maker/big")
    assert not library.installed()
    library.remove("hf:maker/big")


async def test_a_file_that_is_no_model_is_refused_and_removed(
    library: Library, hub: TestHub, folder: Path
) -> None:
    hub.repos["maker/fake"] = Repo({"fake-Q4_0.gguf": b"GGUF" + bytes(100_000)})
    with pytest.raises(ModelDamaged):
        await library.ensure("hf:maker/fake")
    assert files(folder) == []


async def test_a_disk_without_room_is_noticed_before_the_download(
    library: Library, hub: TestHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fireside.models.sources.work.SPARE_BYTES", 1 << 60)
    with pytest.raises(DownloadFailed, match=r"bytes are needed, [\d,]+ are free"):
        await library.ensure(PLAIN_NAME)
    assert not hub.large_asked


async def test_a_public_hub_may_not_send_this_machine_into_its_own_network(
    library: Library, hub: TestHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def only_localhost(host: str) -> bool:
        return host == "localhost"

    monkeypatch.setattr("fireside.models.sources.web.is_at_home", only_localhost)
    hub.redirects_to = hub.large_url.replace("127.0.0.1", "localhost")
    with pytest.raises(DownloadFailed, match="in your own network"):
        await library.ensure(PLAIN_NAME)
    assert not hub.large_asked


CHILD = """
import asyncio, os, sys
from pathlib import Path
from fireside.models.library import Library
asyncio.run(Library(Path(sys.argv[1]), os.environ).ensure(sys.argv[2]))
"""


def child(folder: Path, environ: dict[str, str], before: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", before + CHILD, str(folder), PLAIN_NAME]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(command, env={**environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)


async def test_a_killed_process_leaves_what_the_next_one_takes_up(
    library: Library, hub: TestHub, folder: Path, environ: dict[str, str]
) -> None:
    hub.pause_after = 1_500_000
    part = folder / "downloads" / f"{hashlib.sha256(SMALL).hexdigest()}.part"
    with child(folder, environ) as process:
        await asyncio.to_thread(hub.paused.wait)
        while not part.exists() or not part.stat().st_size:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    begun = part.stat().st_size
    assert not [name for name in files(folder) if name.endswith(".gguf")]
    hub.pause_after = None
    hub.repos[GGUF].revision = "f" * 40  # its files are the same
    assert (await library.ensure(PLAIN_NAME)).revision == "f" * 40
    assert hub.downloads("tiny-Q4_K_M.gguf")[-1].headers["Range"] == f"bytes={begun}-"


async def test_a_cancelled_fetch_ends_at_once_and_can_be_removed(
    library: Library, hub: TestHub, folder: Path
) -> None:
    hub.pause_after = 1_000_000
    fetch = asyncio.ensure_future(library.ensure(PLAIN_NAME))
    await asyncio.to_thread(hub.paused.wait)
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(fetch, timeout=30)
    library.remove(PLAIN_NAME)
    assert files(folder) == []


async def test_a_disk_that_fills_up_meanwhile_is_said_and_leaves_no_model(
    hub: TestHub, folder: Path, environ: dict[str, str]
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    with child(folder, environ, before=limit) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert b"can't be stored in" in said
    assert not [name for name in files(folder) if name.endswith(".gguf")]


# -- what is here


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


async def test_a_copy_that_broke_is_fetched_anew(library: Library, hub: TestHub) -> None:
    card = await library.ensure(REFERENCE)
    Path(card.path or "").write_bytes(SMALL[:1000])
    assert not library.card(REFERENCE).installed
    assert Path((await library.ensure(REFERENCE)).path or "").read_bytes() == SMALL
