"""The probe: ten seconds in which the engine shows how fast it is on this machine, whatever the model.

It is given small models without a mind (`models/specimen.py`) in the usual weight formats, and the times
of its tokens are taken apart: two fat layers tell what a format's weights cost, many thin ones what each
layer costs besides, and a long prompt what looking back costs. The engine is the real one, so threads,
kernels and graphics processors are those that models will meet.
See docs/decisions/0016-fit.md.
"""

from __future__ import annotations

import asyncio
import ctypes
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from fireside.engines.machine import give_way
from fireside.engines.protocol import Engine, ModelFile
from fireside.engines.registry import StartEngine
from fireside.errors import EngineError
from fireside.models.fit import Machine, Rate
from fireside.models.specimen import FAT, THIN, Shape, write_specimen
from fireside.settings import Settings

FORMATS = ("Q8_0", "Q4_K", "Q6_K", "Q4_0", "Q5_0", "Q5_K", "F16", "Q4_1")
"""measured in this order, as far as the time goes"""
MOST_S = 25.0
"""A slow machine leaves out the last formats; others stand for them."""
PROMPT_TOKENS = 128
LONG_TOKENS = 640
REPLY_TOKENS = 16
UNLIMITED = 1e15
"""A graphics processor's memory is in its specimens' times already."""
TRIES = 4
"""of each, of which the middle one counts: a person has usual moments, not the best ones"""
TRYING_S = 1.0
"""for them; one is made in any case"""
FETCHED_BYTES = 128 * 2**20
"""read by each thread, more than caches hold"""

Told = Callable[[float], None]
"""Called with the share that is done."""


class Times(msgspec.Struct, frozen=True):
    """Seconds of one token."""

    reading: float
    writing: float


class _Timings(msgspec.Struct):
    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float


class _Event(msgspec.Struct):
    timings: _Timings | None = None


async def probe(start: StartEngine, settings: Settings, *, cores: int, told: Told) -> Machine:
    """Measure this machine. EngineError where the engine can't run, or there is no room for specimens."""
    began = time.monotonic()
    threads = settings.threads or max(1, cores - 1)
    steps = len(FORMATS) + 1
    try:
        with tempfile.TemporaryDirectory(prefix="fireside-probe-") as name:
            bench = _Bench(Path(name) / "specimen.gguf", start, msgspec.structs.replace(settings, slots=1))
            thin = await bench.times("Q8_0", THIN, PROMPT_TOKENS, LONG_TOKENS)
            fat: dict[str, Times] = {}
            for number, kind in enumerate(FORMATS, 1):
                told(number / steps)
                if fat and time.monotonic() - began > MOST_S:
                    break
                (fat[kind],) = await bench.times(kind, FAT, PROMPT_TOKENS)
    except OSError as error:
        raise EngineError(
            f"this machine can't be measured: {error.strerror or error}",
            hint="make room in the folder for temporary files",
        ) from error
    found = _taken_apart(thin, fat, cores)
    if bench.on_graphics:
        return msgspec.structs.replace(found, on_graphics=True)
    bandwidth = await asyncio.to_thread(fetching_bytes_per_s, threads)
    return msgspec.structs.replace(found, bandwidth_bytes_per_s=bandwidth)


class _Bench:
    """Where one specimen after the other is put into the engine."""

    def __init__(self, path: Path, start: StartEngine, settings: Settings) -> None:
        self._path = path
        self._start = start
        self._settings = settings
        self.on_graphics = False

    async def times(self, kind: str, shape: Shape, *lengths: int) -> list[Times]:
        """Return how long the tokens of a specimen take after prompts of these lengths."""
        await asyncio.to_thread(write_specimen, self._path, kind, shape)
        file = ModelFile(
            reference=f"file:{self._path}",
            path=self._path,
            identity=f"specimen-{kind}-{shape}",
            context_length=shape.context_length,
            has_template=False,
        )
        engine = await self._start(file, self._settings, None)
        try:
            self.on_graphics = engine.info.device == "gpu"
            if engine.info.pid is not None:
                give_way(engine.info.pid)
            await timed(engine, 8, 1)
            return [await usual(engine, length) for length in lengths]
        finally:
            await engine.aclose()


def _taken_apart(thin: Sequence[Times], fat: dict[str, Times], cores: int) -> Machine:
    """Return what the times say of weights, layers and looking back.

    What reading costs besides weights grows with the width of the layers, what writing costs doesn't: one
    token is too little work for that.
    """
    short, long = thin
    weight = Times(fat["Q8_0"].reading / FAT.weights, fat["Q8_0"].writing / FAT.weights)
    layer_s = max(0.0, short.writing - THIN.weights * weight.writing) / THIN.layers
    value_s = max(0.0, short.reading - THIN.weights * weight.reading) / THIN.values
    looked_back = THIN.values * (LONG_TOKENS - PROMPT_TOKENS)
    return Machine(
        rates={
            kind: Rate(
                writing=FAT.weights / max(times.writing - FAT.layers * layer_s, times.writing / 2),
                reading=FAT.weights / max(times.reading - FAT.values * value_s, times.reading / 2),
            )
            for kind, times in fat.items()
        },
        bandwidth_bytes_per_s=UNLIMITED,
        layer_s=layer_s,
        value_s=value_s,
        attention_s=max(0.0, long.writing - short.writing) / looked_back,
        attention_reading_s=max(0.0, long.reading - short.reading) / (looked_back / 2),
        cores=cores,
    )


async def usual(engine: Engine, prompt_tokens: int) -> Times:
    """Return the middle of a few tries."""
    began = time.monotonic()
    tries = [await timed(engine, prompt_tokens, REPLY_TOKENS)]
    while len(tries) < TRIES and time.monotonic() - began < TRYING_S:
        tries.append(await timed(engine, prompt_tokens, REPLY_TOKENS))
    return Times(
        statistics.median(one.reading for one in tries), statistics.median(one.writing for one in tries)
    )


async def timed(engine: Engine, prompt_tokens: int, reply_tokens: int) -> Times:
    """Return how long tokens take in `engine` by its own clock: nothing but the engine is measured."""
    asked = {
        "prompt": [3 + number % 250 for number in range(prompt_tokens)],
        "n_predict": reply_tokens,
        "ignore_eos": True,
        "cache_prompt": False,
        "stream": True,
    }
    found: _Timings | None = None
    async with aclosing(engine.relay("/completion", msgspec.json.encode(asked))) as events:
        async for data in events:
            if data.startswith(b"{"):
                found = msgspec.json.decode(data, type=_Event).timings or found
    if found is None or not found.prompt_n or not found.predicted_n:
        raise EngineError("the engine doesn't tell its times", hint="`pip install -U fireside` mends that")
    return Times(found.prompt_ms / found.prompt_n / 1000, found.predicted_ms / found.predicted_n / 1000)


def fetching_bytes_per_s(threads: int) -> float:
    """Return how many bytes `threads` threads read from memory in a second.

    C's own search for a byte that isn't there does nothing else, and Python's lock isn't held meanwhile.
    """
    library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
    search = library.memchr
    search.argtypes, search.restype = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t), ctypes.c_void_p
    blocks = [ctypes.create_string_buffer(FETCHED_BYTES) for _ in range(min(threads, 4))]
    for block in blocks:
        ctypes.memset(block, 1, FETCHED_BYTES)

    def once() -> float:
        began = time.perf_counter()
        readers = [
            threading.Thread(target=search, args=(ctypes.addressof(block), 0, FETCHED_BYTES))
            for block in blocks
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return len(blocks) * FETCHED_BYTES / (time.perf_counter() - began)

    return max(once() for _ in range(TRIES))
