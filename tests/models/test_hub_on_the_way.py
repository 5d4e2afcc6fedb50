"""Models of the hub: who may have them, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fireside.errors import DownloadFailed, ModelDamaged, ModelNotFound
from fireside.models.library import Library
from fireside.models.sources.download import BLOCK_BYTES
from hub_server import REVISION, Repo, TestHub
from tiny_hub import GGUF, PLAIN_NAME, SMALL, files


@pytest.fixture
def library(folder: Path, environ: dict[str, str], hub: TestHub) -> Library:
    return Library(folder, environ)


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
