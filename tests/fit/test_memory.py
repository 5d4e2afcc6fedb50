"""What a model is said to take of memory, against what it takes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fireside.engines import machine
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.models.demand import demand_of_header
from fireside.models.fit import predict, usual_machine
from fireside.models.gguf import read_header
from fireside.models.specimen import FAT, write_specimen
from fireside.probing import timed
from fireside.settings import Settings

pytestmark = pytest.mark.skipif(
    machine.resident_bytes(1) is None, reason="this system doesn't tell what processes hold"
)


async def resident(path: Path, context_length: int, slots: int) -> int:
    file = ModelFile(f"file:{path}", path, str(path), context_length, False)
    engine = await starter()(file, Settings(threads=1, prompt_threads=1, slots=slots), None)
    try:
        await timed(engine, 64, 1)
        assert engine.info.pid is not None
        held = machine.resident_bytes(engine.info.pid)
        assert held is not None
        return held
    finally:
        await engine.aclose()


def predicted(path: Path, context_length: int, slots: int) -> int:
    demand = demand_of_header(read_header(path))
    found = predict(demand, usual_machine(2, None), context_length=context_length, slots=slots)
    return found.memory_bytes


@pytest.mark.parametrize(("context_length", "slots"), [(512, 1), (2048, 2), (8192, 2)])
async def test_memory_is_predicted_within_15_percent(smollm2: Path, context_length: int, slots: int) -> None:
    taken = await resident(smollm2, context_length, slots)
    assert predicted(smollm2, context_length, slots) == pytest.approx(taken, rel=0.15)


@pytest.mark.parametrize("kind", ["Q4_K", "Q4_0", "Q8_0", "F16"])
async def test_formats_that_are_packed_anew_are_counted_twice(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "specimen.gguf"
    write_specimen(path, kind, msgspec.structs.replace(FAT, layers=3))
    taken = await resident(path, 512, 1)
    assert predicted(path, 512, 1) == pytest.approx(taken, rel=0.15)
