"""What is predicted of models, and what they do: words per second, the first word, and memory.

Run with the installed program, `gguf` and numpy: `python benchmarks/fit.py --model A.gguf [--also B.gguf]`.
The machine is probed once, with none of them; each file is predicted before it is loaded. Three are made
here: the first model in other weight formats (`gguf.quants`). Figures are medians, in a Markdown table.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gguf
import msgspec
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

from fireside.busyness import busy_share
from fireside.engines import machine, processor
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.models.demand import demand_of_header
from fireside.models.fit import Machine, predict
from fireside.models.gguf import read_header
from fireside.predictions import READ_TOKENS, TALKED_TOKENS, WORDS_PER_TOKEN, Prediction, in_words
from fireside.probing import Times, probe, timed
from fireside.settings import Settings

FORMATS = {"F16": 1, "Q8_0": 7, "Q4_0": 2}
"""and what `general.file_type` calls them"""
CONTEXT = 2048
RUNS = 5
QUIET_SHARE, QUIET_TRIES = 0.15, 45


def written_as(source: Path, kind: str, target: Path) -> Path:
    """Write the model with all its matrices in another format."""
    reader, writer = GGUFReader(source), GGUFWriter(target, "llama")
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        if field.types[0] is gguf.GGUFValueType.ARRAY:
            writer.add_array(key, field.contents())
        else:
            writer.add_key_value(key, field.contents(), field.types[0])
    writer.add_file_type(FORMATS[kind])
    wanted = GGMLQuantizationType[kind]
    for tensor in reader.tensors:
        if tensor.tensor_type is GGMLQuantizationType.F32:
            writer.add_tensor(tensor.name, tensor.data)
        else:
            plain = quants.dequantize(tensor.data, tensor.tensor_type)
            writer.add_tensor(tensor.name, quants.quantize(plain, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


async def quiet() -> None:
    """Wait until other programs leave the machine alone, for a while."""
    for _ in range(QUIET_TRIES):
        if (await busy_share(1.0) or 0) < QUIET_SHARE:
            return
    print("(not quiet)")


async def measured(path: Path) -> tuple[Times, int]:
    """Return the median times of a token, and the memory that the engine holds after them."""
    file = ModelFile(f"file:{path}", path, str(path), CONTEXT, False)
    engine = await starter()(file, Settings(), None)
    try:
        await timed(engine, 8, 1)
        await quiet()
        asked = [await timed(engine, READ_TOKENS, 1) for _ in range(RUNS)]
        talked = [await timed(engine, TALKED_TOKENS, 32) for _ in range(RUNS)]
        assert engine.info.pid is not None
        resident = machine.resident_bytes(engine.info.pid) or 0
    finally:
        await engine.aclose()
    reading = statistics.median(times.reading for times in asked)
    return Times(reading, statistics.median(times.writing for times in talked)), resident


def row(path: Path, predicted: Prediction, times: Times, resident: int) -> Iterator[str]:
    words = WORDS_PER_TOKEN / times.writing
    first = READ_TOKENS * times.reading + times.writing
    yield path.name
    yield from compared(predicted.words_per_s or 0, words)
    yield from compared(predicted.first_word_s or 0, first)
    yield from compared(predicted.memory_bytes / 1e6, resident / 1e6)
    yield in_words(predicted)


def compared(predicted: float, real: float) -> tuple[str, str, str]:
    return f"{predicted:.3g}", f"{real:.3g}", f"{predicted / real - 1:+.0%}"


async def run(paths: list[Path]) -> None:
    print(f"{processor.name()}, {machine.usable_cores()} cores\n")
    await quiet()
    found = await probe(starter(), Settings(), cores=machine.usable_cores(), told=lambda share: None)
    print(told(found), "\n")
    titles = ("file", "words/s", "real", "", "first word s", "real", "", "MB", "real", "", "in words")
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    found = msgspec.structs.replace(found, available_bytes=machine.available_bytes())
    for path in paths:
        predicted = predict(demand_of_header(read_header(path)), found, context_length=CONTEXT)
        print("| " + " | ".join(row(path, predicted, *await measured(path))) + " |", flush=True)


def told(found: Machine) -> str:
    rates = ", ".join(
        f"{kind} {rate.writing / 1e9:.1f}/{rate.reading / 1e9:.0f}" for kind, rate in found.rates.items()
    )
    memory = f"Memory {found.bandwidth_bytes_per_s / 1e9:.1f} GB/s"
    return f"Billions of weights in a second, writing/reading: {rates}. {memory}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--also", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = [
            written_as(given.model, kind, Path(folder) / f"{given.model.stem}-as-{kind}.gguf")
            for kind in FORMATS
        ]
        asyncio.run(run([given.model, *made, *given.also]))


if __name__ == "__main__":
    main()
