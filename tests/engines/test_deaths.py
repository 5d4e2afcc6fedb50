"""Engines that can't start, die, hang, or lose their parent: each caused for real."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fireside.engines.leases import Engines
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.llamacpp_builds import COMMAND
from fireside.engines.protocol import ModelFile, Piece
from fireside.errors import (
    EngineCrashed,
    EngineOutOfMemory,
    EngineUnavailable,
    ModelDamaged,
)
from fireside.messages import Sampling
from fireside.settings import Settings


async def kill_at(engine: LlamaCppEngine, token: int, number: signal.Signals) -> None:
    """Send the signal when that token has come, and read on."""
    assert engine.info.pid is not None
    seen = 0
    async for event in engine.generate((504, 2988), Sampling(temperature=0.0), max_tokens=900):
        seen += isinstance(event, Piece)
        if isinstance(event, Piece) and seen == token:
            os.kill(engine.info.pid, number)


async def test_an_engine_killed_in_the_middle_of_a_reply_is_replaced(
    model: ModelFile, settings: Settings
) -> None:
    engines = Engines(start, settings)
    async with engines.lease(model) as engine:
        assert isinstance(engine, LlamaCppEngine)
        with pytest.raises(EngineCrashed, match="SIGKILL") as raised:
            await kill_at(engine, 5, signal.SIGKILL)
        assert type(raised.value) is EngineCrashed
        assert not engine.alive
        with pytest.raises(EngineCrashed):
            await engine.tokenize("more", special=False)
    async with engines.lease(model) as successor:
        assert successor is not engine
        assert await successor.tokenize("a", special=False)
    await engines.aclose()


async def test_a_crash_of_the_engine_itself_is_told_with_its_signal(engine: LlamaCppEngine) -> None:
    with pytest.raises(EngineCrashed, match="SIGSEGV") as raised:
        await kill_at(engine, 1, signal.SIGSEGV)
    assert raised.value.hint is not None


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
@pytest.mark.parametrize("mebibytes", [150, 280])
async def test_a_load_without_memory_names_memory(
    model: ModelFile, settings: Settings, mebibytes: int
) -> None:
    limited = ("prlimit", f"--as={mebibytes * 2**20}", *COMMAND)
    with pytest.raises(EngineOutOfMemory, match="memory") as raised:
        await start(msgspec.structs.replace(model, context_length=8192), settings, command=limited)
    assert raised.value.hint is not None
    assert "smaller" in raised.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
async def test_an_engine_that_runs_out_of_memory_while_it_answers_names_memory(
    engine: LlamaCppEngine,
) -> None:
    subprocess.run(["prlimit", f"--pid={engine.info.pid}", f"--as={2**20}"], check=True)
    # A request body of this size can't be held any more.
    with pytest.raises(EngineOutOfMemory, match="memory"):
        await engine.tokenize("many words " * 2_000_000, special=False)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: whole[:20_000_000], id="truncated"),
        pytest.param(lambda whole: b"GGUF\x03\0\0\0" + b"\xa5" * 4000, id="impossible counts"),
        pytest.param(lambda whole: b"not a model at all" * 100, id="something else"),
    ],
)
async def test_a_damaged_model_is_told_plainly(
    model: ModelFile, settings: Settings, tmp_path: Path, damage: object
) -> None:
    assert callable(damage)
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damage(model.path.read_bytes()))
    with pytest.raises(ModelDamaged) as raised:
        await start(msgspec.structs.replace(model, path=path), settings)
    assert model.reference in raised.value.message
    assert str(path) in str(raised.value.hint)


async def test_a_missing_model_file_is_told_plainly(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ModelDamaged, match="No such file"):
        await start(msgspec.structs.replace(model, path=tmp_path / "none.gguf"), settings)


def saying(code: str) -> tuple[str, ...]:
    """A child of our own that speaks instead of the engine."""
    return (sys.executable, "-c", code)


async def test_a_load_that_makes_no_progress_is_cut_off(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    silent = saying(
        f"import os, sys, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "print('reading the template', file=sys.stderr, flush=True); time.sleep(1000)"
    )
    with pytest.raises(EngineUnavailable, match="no progress") as raised:
        await start(model, settings, command=silent, patience_s=0.5)
    assert "reading the template" in str(raised.value.hint)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


async def test_a_hostile_template_does_not_hang_the_load(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    whole = model.path.read_bytes()
    begins = whole.index(b"{% for message in messages %}")
    length = int.from_bytes(whole[begins - 8 : begins], "little")
    endless = (
        b"{% for a in range(10000000) %}{% for b in range(10000000) %}{% if a %}{% endif %}"
        b"{% endfor %}{% endfor %}"
    )
    path = tmp_path / "hostile.gguf"
    path.write_bytes(whole[:begins] + endless.ljust(length) + whole[begins + length :])
    with pytest.raises(EngineUnavailable, match="no progress"):
        await start(msgspec.structs.replace(model, path=path), settings, patience_s=3.0)


async def test_a_slow_load_with_progress_is_waited_for(model: ModelFile, settings: Settings) -> None:
    slow = saying(
        "import sys, time, runpy\n"
        "for step in range(12): print('still reading', step, file=sys.stderr, flush=True); time.sleep(0.25)\n"
        "sys.argv = ['child']\n"
        "runpy.run_module('fireside.engines.llamacpp_child', run_name='__main__', alter_sys=True)"
    )
    engine = await start(model, settings, command=slow, patience_s=2.0)
    assert engine.alive
    await engine.aclose()


async def test_a_missing_system_library_is_told_with_its_package(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "xllamacpp.py").write_text(
        "raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')"
    )
    without = saying(
        f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r})\n"
        "runpy.run_module('fireside.engines.llamacpp_child', run_name='__main__', alter_sys=True)"
    )
    with pytest.raises(EngineUnavailable, match=r"libgomp\.so\.1") as raised:
        await start(model, settings, command=without)
    assert "apt install libgomp1" in str(raised.value.hint)
    assert "dnf install libgomp" in str(raised.value.hint)


async def test_an_engine_that_ends_before_it_listens_is_told_with_its_last_words(
    model: ModelFile, settings: Settings
) -> None:
    with pytest.raises(EngineCrashed, match="exit code 3") as raised:
        await start(
            model, settings, command=saying("import sys; print('alas', file=sys.stderr); sys.exit(3)")
        )
    assert "alas" in str(raised.value.hint)


PARENT = """
import asyncio, sys
from pathlib import Path
from fireside.engines.llamacpp import start
from fireside.engines.protocol import ModelFile
from fireside.settings import Settings

async def main():
    model = ModelFile("file:m", Path(sys.argv[1]), "m", 256, True)
    engine = await start(model, Settings(threads=1, prompt_threads=1))
    print(engine.info.pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="pidfd is Linux's")
def test_an_engine_dies_with_its_parent_even_when_that_is_killed(model: ModelFile) -> None:
    modules = os.pathsep.join(folder for folder in sys.path if folder)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(model.path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": modules},
    )
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))
    try:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert select.select([child], [], [], 10)[0], "the engine outlived its parent"
    finally:
        parent.stdout.close()
        os.close(child)


async def test_the_end_of_its_input_is_enough_for_an_engine_to_leave(engine: LlamaCppEngine) -> None:
    process = engine._child._process
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_a_cancelled_load_leaves_no_process(model: ModelFile, settings: Settings) -> None:
    shares = asyncio.Event()
    loading = asyncio.create_task(start(model, settings, lambda _: shares.set()))
    await shares.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    path = str(model.path).encode()
    left = subprocess.run(
        ["ps", "-ww", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, check=False
    ).stdout
    assert b"llamacpp_child" not in left
    assert path not in left
