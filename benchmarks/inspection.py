"""How much processor time it takes to say what models are: one header, fifty, ours beside the gguf package.

    python benchmarks/inspection.py [FOLDER]

Makes files whose headers have the vocabularies of today's models, with almost no weights, in FOLDER.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import made_gguf
from fireside.models import gguf
from fireside.models.inspection import read_facts

MODELS = 50
VOCABULARY, MERGES = 151_936, 151_387
"""of Qwen 3"""


def made(path: Path, number: int) -> Path:
    values: dict[str, made_gguf.Value] = {
        "general.name": f"Model {number}",
        "tokenizer.ggml.tokens": [f"token{item}" for item in range(VOCABULARY)],
        "tokenizer.ggml.token_type": [1] * VOCABULARY,
        "tokenizer.ggml.merges": [f"tok en{item}" for item in range(MERGES)],
    }
    path.write_bytes(made_gguf.gguf(values))
    return path


def read_anew(path: Path) -> None:
    gguf._header.cache_clear()
    read_facts(path)


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        first = made(Path(folder, "0.gguf"), 0)
        paths = [first]
        for number in range(1, MODELS):
            paths.append(Path(folder, f"{number}.gguf"))
            paths[-1].write_bytes(first.read_bytes())
        each = sorted(milliseconds(lambda: read_anew(first)) for _ in range(9))
        print(f"one header of {first.stat().st_size / 1e6:.1f} MB, {VOCABULARY:,} tokens: {each[4]:.1f} ms")
        gguf._header.cache_clear()
        print(f"{MODELS} of them, first time: {milliseconds(lambda: [*map(read_facts, paths)]):.0f} ms")
        print(f"{MODELS} of them, again: {milliseconds(lambda: [*map(read_facts, paths)]):.1f} ms")
        try:
            from gguf import GGUFReader
        except ImportError:
            return
        print(f"the gguf package, one header: {milliseconds(lambda: GGUFReader(first)):.0f} ms")


if __name__ == "__main__":
    main()
