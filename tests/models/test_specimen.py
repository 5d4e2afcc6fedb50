"""The small models without a mind: sound files, which the real engine loads and writes with."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.models.gguf import read_header
from fireside.models.specimen import FAT, THIN, Shape, write_specimen
from fireside.probing import FORMATS, timed
from fireside.settings import Settings

SMALL = Shape(layers=2, width=256, inner_width=256)


@pytest.mark.parametrize("kind", FORMATS)
async def test_the_engine_writes_with_a_specimen_of_every_format(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "specimen.gguf"
    write_specimen(path, kind, SMALL)
    file = ModelFile(f"file:{path}", path, kind, 256, False)
    engine = await starter()(file, Settings(threads=1, prompt_threads=1, slots=1), None)
    try:
        times = await timed(engine, 32, 4)
    finally:
        await engine.aclose()
    assert times.reading > 0
    assert times.writing > 0


@pytest.mark.parametrize("shape", [SMALL, THIN, FAT])
def test_a_header_has_the_weights_that_its_shape_tells(tmp_path: Path, shape: Shape) -> None:
    path = tmp_path / "specimen.gguf"
    write_specimen(path, "Q4_K" if shape.width % 256 == 0 else "Q8_0", shape)
    header = read_header(path)
    layers = sum(group.elements for group in header.groups if group.use == "layers" and group.kind != "F32")
    assert layers == shape.weights
    assert header.dimensions.layers * header.dimensions.width == shape.values
