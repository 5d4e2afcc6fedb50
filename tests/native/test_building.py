"""An engine is built from a source that is what it should be, by real tools, and used when it is better."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fireside.builds import Built, Prebuilt, Step
from fireside.engines import built
from fireside.errors import DownloadFailed, EngineUnavailable, ModelNotFound
from fireside.native import build as building
from fireside.native import changes, source
from fireside.native.toolchain import Toolchain, find_toolchain
from fireside.native.tuning import build_engine, model_to_compare, remove_engine
from fireside.settings import Home, Settings
from index_server import Index, index_server
from made_folder import write_folder

CMAKE = """
cmake_minimum_required(VERSION 3.14)
project(small C CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_executable(llama-server main.c)
add_executable(llama-quantize main.c)
"""
FILES = {
    "CMakeLists.txt": CMAKE,
    "main.c": "int main(void) { return 0; }\n",
    "docs/long.md": "nothing of this is compiled",
    "tools/server/README.md": "kept",
}


def an_archive(files: dict[str, str], root: str = source.ROOT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(root + name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> Iterator[bytes]:
    """An index with a small project in the place of llama.cpp."""
    made = an_archive(FILES)
    monkeypatch.setattr(source, "SHA256", hashlib.sha256(made).hexdigest())
    monkeypatch.setattr(changes, "HEADERS", {})
    monkeypatch.setattr(changes, "CHANGES", (changes.Change("main.c", "return 0;", " /* ours */"),))
    with index_server(Index(b"", others={source.ARCHIVE: made})) as index:
        environ["PIP_INDEX_URL"] = index.simple
        yield made


@pytest.fixture
def tools() -> Toolchain:
    found = {name: shutil.which(name) for name in ("cmake", "ninja", "cc")}
    if not all(found.values()):
        pytest.skip("needs cmake, ninja and a C compiler of the system")
    return Toolchain(Path(found["cmake"] or ""), Path(found["ninja"] or ""), "cc")


async def test_the_source_is_fetched_once_without_what_is_not_compiled(
    archive: bytes, environ: dict[str, str], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    (tmp_path / "llama.cpp-with-other-changes").mkdir()
    folder = await source.fetch_source(tmp_path, environ, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(archive), len(archive))
    assert (folder / "main.c").read_text() == "int main(void) { return 0; /* ours */ }\n"
    assert (folder / "tools/server/README.md").is_file()
    assert not (folder / "docs").exists()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert await source.fetch_source(tmp_path, {}, lambda done, total: None) == folder


async def test_a_source_with_another_hash_is_refused_and_deleted(
    archive: bytes, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SHA256", "0" * 64)
    with pytest.raises(DownloadFailed, match="SHA-256 differs"):
        await source.fetch_source(tmp_path, environ, lambda done, total: None)
    assert list(tmp_path.iterdir()) == []


async def test_an_index_without_the_source_is_said(environ: dict[str, str], tmp_path: Path) -> None:
    with index_server(Index(b"")) as index:
        environ["PIP_INDEX_URL"] = index.simple
        with pytest.raises(DownloadFailed, match=r"llama\.cpp's source"):
            await source.fetch_source(tmp_path, environ, lambda done, total: None)


@pytest.mark.parametrize("name", ["../../out", "/out", "a/../../out"])
async def test_nothing_is_written_outside_of_its_folder(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made = an_archive({name: "out"})
    monkeypatch.setattr(source, "SHA256", hashlib.sha256(made).hexdigest())
    monkeypatch.setattr(changes, "HEADERS", {})
    monkeypatch.setattr(changes, "CHANGES", ())
    inside = tmp_path / "deep" / "deeper"
    with index_server(Index(b"", others={source.ARCHIVE: made})) as index:
        environ["PIP_INDEX_URL"] = index.simple
        with contextlib.suppress(DownloadFailed, tarfile.TarError):
            await source.fetch_source(inside, environ, lambda done, total: None)
    assert not [path for path in tmp_path.rglob("out") if not path.is_relative_to(inside)]
    assert not Path("/out").exists()


async def test_what_real_tools_build_is_told_step_by_step(
    archive: bytes, environ: dict[str, str], tmp_path: Path, tools: Toolchain
) -> None:
    code = await source.fetch_source(tmp_path / "code", environ, lambda done, total: None)
    steps: list[tuple[int, int]] = []
    programs = await building.build(
        code, tmp_path / "objects", tools, environ, jobs=1, compiled=lambda *step: steps.append(step)
    )
    assert steps[-1][0] == steps[-1][1] > 1
    for name in building.PROGRAMS:
        assert subprocess.run([programs / name], check=False).returncode == 0


async def test_a_compilers_complaint_is_quoted(
    archive: bytes, environ: dict[str, str], tmp_path: Path, tools: Toolchain
) -> None:
    code = await source.fetch_source(tmp_path / "code", environ, lambda done, total: None)
    (code / "main.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(EngineUnavailable, match="nothing") as raised:
        await building.build(
            code, tmp_path / "objects", tools, environ, jobs=1, compiled=lambda done, total: None
        )
    assert "build.log" in str(raised.value.hint)


async def test_a_cancelled_build_leaves_no_compiler_behind(
    archive: bytes, environ: dict[str, str], tmp_path: Path, tools: Toolchain
) -> None:
    slow = tmp_path / "slow-cc"
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *main.c*) touch {tmp_path}/begun; sleep 600;; esac\nexec cc "$@"\n'
    )
    slow.chmod(0o755)
    code = await source.fetch_source(tmp_path / "code", environ, lambda done, total: None)
    slowly = msgspec.structs.replace(tools, options=(f"-DCMAKE_C_COMPILER={slow}",))
    task = asyncio.create_task(
        building.build(code, tmp_path / "objects", slowly, environ, jobs=1, compiled=lambda done, total: None)
    )
    while not (tmp_path / "begun").exists():
        assert not task.done(), task
        await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = subprocess.run(["ps", "-wweo", "args="], capture_output=True, check=True, text=True).stdout
    assert str(slow) not in left


def test_resetting_deletes_all_that_was_built(tmp_path: Path) -> None:
    home = Home(config=tmp_path, data=tmp_path)
    assert not remove_engine(home)
    (home.engines / "bin").mkdir(parents=True)
    assert remove_engine(home)
    assert not home.engines.exists()


def test_the_process_says_what_is_there_in_lines_of_json(tmp_path: Path) -> None:
    def told(*words: str) -> list[Step | Built | Prebuilt]:
        done = subprocess.run(
            [sys.executable, "-m", "fireside.native", *words],
            env={**os.environ, "FIRESIDE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        )
        return [msgspec.json.decode(line, type=Step | Built | Prebuilt) for line in done.stdout.splitlines()]

    assert told("show") == [Prebuilt()]
    (tmp_path / "engines").mkdir()
    assert told("reset") == [Prebuilt(removed=True)]


@pytest.mark.skipif(
    not os.environ.get("FIRESIDE_TEST_BUILD"), reason="compiles for minutes; FIRESIDE_TEST_BUILD=1"
)
async def test_the_real_engine_is_built_compared_and_used(smollm2: Path, tmp_path: Path) -> None:
    home = Home(config=tmp_path, data=tmp_path)
    settings = Settings(model=f"file:{smollm2}", threads=1, prompt_threads=1)
    stages: list[str] = []
    found = await build_engine(home, settings, lambda step: stages.append(step.stage))
    assert list(dict.fromkeys(stages)) == ["source", "tools", "compiling", "comparing"]
    assert found.compared.drift <= 0.005
    assert Path(found.path).with_name("llama-quantize").is_file()
    assert built.read(home.engines) == found
    tools = await find_toolchain(home.engines / "tools", os.environ)
    assert tools.compiler == found.compiler


def test_a_build_is_compared_with_a_model_that_llamacpp_runs(tmp_path: Path, smollm2: Path) -> None:
    home = Home(tmp_path, tmp_path)
    home.aliases.mkdir()
    (home.aliases / "poet.toml").write_text(f'model = "file:{smollm2}"')
    assert model_to_compare(home, Settings(model="poet")).path == smollm2
    for other in ("remote:office/x", f"file:{write_folder(tmp_path / 'falcon')}"):
        with pytest.raises(ModelNotFound, match="that llama"):
            model_to_compare(home, Settings(model=other))
    assert model_to_compare(home, Settings(model="remote:office/x"), "poet").path == smollm2
    with pytest.raises(ModelNotFound, match="hf:a/b isn't here"):
        model_to_compare(home, Settings(model="poet"), "hf:a/b")
