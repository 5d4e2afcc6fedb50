"""What Fireside costs on top of its engine: the same requests through it and to the engine itself.

Run with the installed program: `python benchmarks/api.py --model /path/to/model.gguf`. Everything is
measured in one run and in turns, by one client, and printed as a Markdown table of medians. Engines get
one thread by default: two that spin measure only what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import made_model
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.loopback import Address
from fireside.engines.protocol import ModelFile
from fireside.settings import Settings
from serving import Served, serving

STORY = "Write a long story about a fox who lives by the sea."
PATH = "/v1/chat/completions"
STREAMS = 8
CONNECTIONS = 1000


class Target(NamedTuple):
    """Whom to ask."""

    address: Address
    key: str


class Answered(NamedTuple):
    """When the first and the last piece came, in seconds after the request, and how many tokens."""

    first_s: float
    last_s: float
    tokens: int

    @property
    def rate(self) -> float:
        return (self.tokens - 1) / (self.last_s - self.first_s)


async def ask(target: Target, tokens: int, seed: int) -> Answered:
    """Send one streaming request and read it to its end."""
    body = json.dumps(
        {
            "messages": [{"role": "user", "content": STORY}],
            "max_tokens": tokens,
            "temperature": 0.8,
            "seed": seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection(*target.address)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {target.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    first = last = 0.0
    count = 0
    while line := await reader.readline():
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if any(choice["delta"].get("content") for choice in event["choices"]):
            last = time.perf_counter() - begun
            first = first or last
        if event.get("usage"):
            count = event["usage"]["completion_tokens"]
    writer.close()
    await writer.wait_closed()
    return Answered(first, last, count)


async def at_once(target: Target, tokens: int, seed: int) -> tuple[float, float]:
    """Return the tokens per second of simultaneous streams together, and slowest ÷ fastest of them."""
    begun = time.perf_counter()
    answers = await asyncio.gather(*(ask(target, tokens, seed * STREAMS + n) for n in range(STREAMS)))
    spent = time.perf_counter() - begun
    rates = [answer.rate for answer in answers]
    return sum(answer.tokens for answer in answers) / spent, max(rates) / min(rates)


def resident(server: Served) -> float:
    """Return the megabytes that the server holds."""
    held: int = server.get("/status")["resident_bytes"]
    return held / 1e6


async def connections(target: Target) -> int:
    """Open many connections that ask and stay, then close them; return how many were answered."""

    async def visit() -> asyncio.StreamWriter | None:
        reader, writer = await asyncio.open_connection(*target.address)
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        line = await reader.readline()
        return writer if line.startswith(b"HTTP/1.1 200") else None

    visits = await asyncio.gather(*(visit() for _ in range(CONNECTIONS)), return_exceptions=True)
    opened = [visit for visit in visits if isinstance(visit, asyncio.StreamWriter)]
    for writer in opened:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in opened))
    await asyncio.sleep(1)
    return len(opened)


async def measure(
    server: Served, engine: LlamaCppEngine, runs: int, tokens: int, *, larger: bool
) -> list[tuple[str, ...]]:
    through = Target(Address.parse(server.runtime.address), server.runtime.token)
    alone = Target(engine._wire.address, engine._wire.key)  # as the server asks it
    for target in (alone, through):
        await ask(target, 8, 0)
    rows = await one_by_one(alone, through, runs, tokens)
    if larger:
        return rows
    rows += await all_together(alone, through, tokens)
    return rows + await visited(server, through)


async def one_by_one(alone: Target, through: Target, runs: int, tokens: int) -> list[tuple[str, ...]]:
    """Return the rows of single streams. Each pair is compared at one moment: the machine has others."""
    pairs = []
    for seed in range(1, runs + 1):
        order = (alone, through) if seed % 2 else (through, alone)
        found = {target: await ask(target, tokens, seed) for target in order}
        pairs.append((found[alone], found[through]))
    first = [statistics.median(pair[n].first_s * 1000 for pair in pairs) for n in (0, 1)]
    rate = [statistics.median(pair[n].rate for pair in pairs) for n in (0, 1)]
    later = statistics.median(1000 * (pair[1].first_s - pair[0].first_s) for pair in pairs)
    slower = statistics.median(1000 / pair[1].rate - 1000 / pair[0].rate for pair in pairs)
    share = statistics.median(pair[1].rate / pair[0].rate for pair in pairs)
    return [
        ("first token", *(f"{ms:.1f} ms" for ms in first), f"{later:+.1f} ms"),
        ("each token", *(f"{1000 / one:.2f} ms" for one in rate), f"{slower:+.2f} ms"),
        ("tokens/s", *(f"{one:.1f}" for one in rate), f"{share:.3f} of it"),
    ]


async def all_together(alone: Target, through: Target, tokens: int) -> list[tuple[str, ...]]:
    """Return the rows of simultaneous streams."""
    together: dict[Target, list[tuple[float, float]]] = {alone: [], through: []}
    for seed in range(1, 4):
        for target, rates in together.items():
            rates.append(await at_once(target, tokens // 2, seed))
    total = [statistics.median(one for one, _ in rates) for rates in together.values()]
    spread = [statistics.median(one for _, one in rates) for rates in together.values()]
    return [
        (
            f"{STREAMS} streams, tokens/s",
            *(f"{one:.1f}" for one in total),
            f"{total[1] / total[0]:.3f} of it",
        ),
        (f"{STREAMS} streams, fastest ÷ slowest", *(f"{one:.2f}" for one in spread), ""),
    ]


async def visited(server: Served, through: Target) -> list[tuple[str, ...]]:
    """Return the rows of many connections."""
    before = resident(server)
    opened = await connections(through)
    once = resident(server)
    opened = min(opened, await connections(through))
    twice = resident(server)
    return [
        (f"{CONNECTIONS:,} connections answered", "", f"{opened:,}", ""),
        ("server's memory before them", "", f"{before:.0f} MB", ""),
        ("after them", "", f"{once:.0f} MB", f"{once / before:.2f} of it"),
        ("after as many again", "", f"{twice:.0f} MB", f"{twice / once:.2f} of that"),
    ]


async def compare(server: Served, model: Path, wanted: argparse.Namespace) -> list[tuple[str, ...]]:
    file = ModelFile("file:model", model, "benchmark", 2048, has_template=True)
    settings = Settings(slots=STREAMS, threads=wanted.threads, prompt_threads=wanted.threads)
    engine = await start(file, settings, None)
    try:
        return await measure(server, engine, wanted.runs, wanted.tokens, larger=wanted.larger)
    finally:
        await engine.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="of each engine")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--larger", action="store_true", help="a made model of 509M, single streams only")
    wanted = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as folder:
        model = wanted.model.absolute()
        if wanted.larger:
            model = Path(folder) / "made.gguf"
            made_model.make(wanted.model, model)
        rows = run(Path(folder), model, wanted)
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n")
    print("| what | the engine | through Fireside | difference |\n|---|---|---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))


def run(folder: Path, model: Path, wanted: argparse.Namespace) -> list[tuple[str, ...]]:
    settings = {
        "model": f"file:{model}",
        "slots": STREAMS,
        "context_length": 2048,
        "threads": wanted.threads,
        "prompt_threads": wanted.threads,
    }
    with serving(folder / "home", **settings) as server:
        return asyncio.run(compare(server, model, wanted))


if __name__ == "__main__":
    main()
