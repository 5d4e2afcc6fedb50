"""A llama-server as the engine, one's own or one that was built here, and the way back from a bad one."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fireside.builds import Built, Compared
from fireside.engines import built, machine, processor
from fireside.engines.built import BuiltFirst, chosen
from fireside.engines.llamacpp import LlamaCppEngine, key_today
from fireside.engines.llamacpp_slots import _ids_in
from fireside.engines.protocol import Ended, Engine, ModelFile, Piece
from fireside.engines.registry import starter
from fireside.errors import EngineCrashed, EngineUnavailable, ModelDamaged
from fireside.memory.snapshots import Snapshots
from fireside.messages import Sampling
from fireside.settings import Settings

GREEDY = Sampling(temperature=0.0)


def a_program(path: Path, script: str) -> Path:
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A llama-server; the engine's process finds no modules but those that it is given."""
    program = Path(__file__).with_name("llama_server_program.py")
    return a_program(tmp_path / "llama-server", f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n')


@pytest.fixture
def own(settings: Settings, server: Path) -> Settings:
    return msgspec.structs.replace(settings, llama_server=str(server))


@pytest.fixture
async def native(model: ModelFile, own: Settings) -> AsyncIterator[Engine]:
    engine = await starter()(model, own, None)
    yield engine
    await engine.aclose()


async def kill_at_first(engine: Engine, number: signal.Signals) -> None:
    """Send the signal when a first token has come, and read on."""
    async for event in engine.generate((504, 2988), GREEDY, max_tokens=900):
        if isinstance(event, Piece):
            os.kill(engine.info.pid or 0, number)


async def said(engine: Engine, prompt: tuple[int, ...], tokens: int = 8) -> list[int]:
    ids: list[int] = []
    async for event in engine.generate(prompt, GREEDY, max_tokens=tokens):
        if isinstance(event, Piece):
            ids += event.ids
    return ids


def note(folder: Path, server: Path, **changes: object) -> Built:
    """Note `server` as built here."""
    folder.mkdir(exist_ok=True)
    status = server.stat()
    record = Built(
        path=str(server),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        processor=processor.identity(),
        source="llama-cpp-python 1",
        compiler="cc",
        compared=Compared("file:m", 2.0, 1.5, 0.001),
    )
    record = msgspec.structs.replace(record, **changes)
    built.write(folder, record)
    return record


async def test_a_server_of_ones_own_says_what_the_prebuilt_engine_says(
    native: Engine, engine: LlamaCppEngine
) -> None:
    prompt = await native.tokenize("The sun rises in the", special=False)
    assert prompt == await engine.tokenize("The sun rises in the", special=False)
    assert await said(native, prompt) == await said(engine, prompt)
    assert native.info.build != engine.info.build
    assert native.info.context_length == 1024
    assert native.info.slots == engine.info.slots


async def test_its_process_is_the_server_itself_and_its_key_is_on_no_command_line(
    native: Engine, server: Path
) -> None:
    shown = subprocess.run(
        ["ps", "-ww", "-p", str(native.info.pid), "-o", "args="], capture_output=True, check=True, text=True
    ).stdout
    assert "llama_server_program.py" in shown
    assert "-key" not in shown
    resident = machine.resident_bytes(native.info.pid or 0)
    assert resident is not None
    assert resident > 100_000_000  # the model is in it: what it takes is really counted


async def test_it_is_killed_with_its_name_told_and_leaves_nobody_behind(native: Engine, server: Path) -> None:
    assert isinstance(native, LlamaCppEngine)
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await kill_at_first(native, signal.SIGKILL)
    assert native.crashed
    await native.aclose()
    left = subprocess.run(["ps", "-wweo", "args="], capture_output=True, check=True, text=True).stdout
    assert str(server) not in left


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="pidfd is Linux's")
async def test_the_end_of_its_input_ends_the_server(native: Engine) -> None:
    assert isinstance(native, LlamaCppEngine)
    server = os.pidfd_open(native.info.pid or 0)
    process = native._child._process
    assert process.stdin is not None
    process.stdin.close()
    ended, _, _ = await asyncio.to_thread(select.select, [server], [], [], 10)
    os.close(server)
    assert ended, "the server outlived its parent's pipe"


async def test_states_are_saved_and_found_again_by_the_same_build_only(
    model: ModelFile, own: Settings, settings: Settings, tmp_path: Path, server: Path
) -> None:
    from fireside.engines.protocol import Origin

    vault = Snapshots.open(tmp_path / "snapshots", 1 << 30, keeps=lambda conversation: True)
    prompt = tuple(range(1000, 1200))
    first = await starter(vault)(model, own, None)
    async for _ in first.generate(prompt, GREEDY, max_tokens=1, origin=Origin("c", "m")):
        pass
    await first.aclose()
    second = await starter(vault)(model, own, None)
    events = [event async for event in second.generate(prompt, GREEDY, max_tokens=1, origin=Origin("c", "m"))]
    await second.aclose()
    ended = next(event for event in events if isinstance(event, Ended))
    assert ended.cached_tokens is not None
    assert ended.cached_tokens >= 190
    assert key_today(model, own) != key_today(model, settings)
    before = key_today(model, own)
    server.write_text(server.read_text() + "# another build\n")
    assert key_today(model, own) != before


@pytest.mark.parametrize("name", ["missing", "plain"])
async def test_what_is_no_program_is_refused_with_the_settings_name(
    model: ModelFile, settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "plain").write_text("some words")
    own = msgspec.structs.replace(settings, llama_server=str(tmp_path / name))
    with pytest.raises(EngineUnavailable, match=name) as raised:
        await starter()(model, own, None)
    assert "llama_server" in str(raised.value.hint)


async def test_a_program_that_only_complains_is_quoted(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    bad = a_program(tmp_path / "bad", "#!/bin/sh\necho 'error: unknown argument --host' >&2\nexit 1\n")
    with pytest.raises(ModelDamaged, match="unknown argument"):
        await starter()(model, msgspec.structs.replace(settings, llama_server=str(bad)), None)


async def test_a_built_engine_is_used_and_one_that_cannot_start_gives_way_at_once(
    model: ModelFile, settings: Settings, tmp_path: Path, server: Path
) -> None:
    folder = tmp_path / "engines"
    note(folder, server)
    start = BuiltFirst(starter(), folder)
    good = await start(model, settings, None)
    assert good.info.build.startswith("llama-server")
    await good.aclose()
    note(folder, a_program(tmp_path / "broken", "#!/bin/sh\necho 'Illegal instruction' >&2\nkill -ILL $$\n"))
    spare = await start(model, settings, None)
    assert spare.info.build.startswith("xllamacpp")
    assert await said(spare, (504, 2988), tokens=1)
    await spare.aclose()
    kept = built.read(folder)
    assert kept is not None
    assert kept.failed
    assert chosen(settings, folder) == settings


async def test_a_built_engine_that_crashed_is_not_started_a_second_time(
    model: ModelFile, settings: Settings, tmp_path: Path, server: Path
) -> None:
    folder = tmp_path / "engines"
    note(folder, server)
    start = BuiltFirst(starter(), folder)
    first = await start(model, settings, None)
    assert isinstance(first, LlamaCppEngine)
    with pytest.raises(EngineCrashed):
        await kill_at_first(first, signal.SIGSEGV)
    await first.aclose()
    second = await start(model, settings, None)
    assert second.info.build.startswith("xllamacpp")
    await second.aclose()


async def test_a_damaged_model_is_not_the_built_engines_fault(
    settings: Settings, tmp_path: Path, server: Path, model: ModelFile
) -> None:
    folder = tmp_path / "engines"
    note(folder, server)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(model.path.read_bytes()[:5_000_000])
    with pytest.raises(ModelDamaged):
        await BuiltFirst(starter(), folder)(msgspec.structs.replace(model, path=cut), settings, None)
    kept = built.read(folder)
    assert kept is not None
    assert kept.failed is None


@pytest.mark.parametrize("change", [{"processor": "another one"}, {"mtime_ns": 1}, {"failed": "slower"}])
def test_a_build_for_another_machine_or_another_file_is_not_used(
    settings: Settings, tmp_path: Path, server: Path, change: dict[str, object]
) -> None:
    note(tmp_path / "engines", server, **change)
    assert chosen(settings, tmp_path / "engines") == settings
    note(tmp_path / "engines", server)
    assert chosen(settings, tmp_path / "engines").llama_server == str(server)


def test_a_server_of_ones_own_goes_before_what_was_built(own: Settings, tmp_path: Path, server: Path) -> None:
    note(tmp_path / "engines", a_program(tmp_path / "other", "#!/bin/sh\n"))
    assert chosen(own, tmp_path / "engines").llama_server == str(server)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("before", [(), (-1, 1, 3)])
def test_ids_are_read_from_the_states_of_both_engines(
    tmp_path: Path, version: int, before: tuple[int, ...]
) -> None:
    path, ids = tmp_path / "a.state", struct.pack("3i", 5, 6, 7)
    head = struct.pack("4sII", b"qsgg", version, len(before) + 3) + struct.pack(f"{len(before)}i", *before)
    path.write_bytes(head + ids + b"more")
    assert _ids_in(path, 3) == ids
    path.write_bytes(struct.pack("4sII", b"qsgg", 2, 3) + ids)
    assert _ids_in(path, 3) is None
