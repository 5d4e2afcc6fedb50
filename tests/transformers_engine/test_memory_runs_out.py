"""Too little memory is foreseen, or told plainly, and takes nothing with it but the engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fireside.engines import machine
from fireside.engines.fit import need_of
from fireside.engines.transformers import COMMAND, TransformersEngine, start
from fireside.errors import EngineOutOfMemory
from fireside.messages import Sampling
from fireside.settings import Settings
from made_torch_models import LIMIT, model_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")


async def test_a_model_takes_no_more_than_was_reckoned(real: TransformersEngine, converted: Path) -> None:
    async for _ in real.generate(tuple(range(1000, 1000 + LIMIT - 2)), Sampling(), max_tokens=1):
        pass
    assert real.info.pid is not None
    resident = machine.resident_bytes(real.info.pid)
    need = need_of(model_in(converted, has_template=True), slots=2)
    assert resident is not None
    assert need is not None
    assert resident < need.total


@pytest.mark.parametrize("megabytes", [300, 1200])
async def test_a_load_without_memory_names_memory(
    converted: Path, settings: Settings, megabytes: int
) -> None:
    limited = ("prlimit", f"--as={megabytes * 10**6}", *COMMAND)
    with pytest.raises(EngineOutOfMemory, match="memory"):
        await start(model_in(converted, has_template=True), settings, command=limited)


async def test_an_engine_that_runs_out_of_memory_while_it_answers_names_memory(
    falcon: Path, settings: Settings
) -> None:
    engine = await start(model_in(falcon, has_template=False), settings)
    try:
        subprocess.run(["prlimit", f"--pid={engine.info.pid}", f"--as={2**20}"], check=True)
        with pytest.raises(EngineOutOfMemory, match="memory"):
            await engine.tokenize("many words " * 2_000_000, special=False)
        assert not engine.alive
    finally:
        await engine.aclose()
