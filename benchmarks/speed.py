"""How fast the program is around its engine: start-up, first word, cost per token, memory, size.

Run with the installed program: `python benchmarks/speed.py --model /path/to/model.gguf`. Everything is
measured in one run, what is compared in turns, and printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pexpect

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fireside.engines.llamacpp import start
from fireside.engines.protocol import Engine, ModelFile, Piece
from fireside.messages import Sampling
from fireside.settings import Settings
from serving import Served, environment, serving

QUESTION = "What is the capital of France?"
STORY = "Write a long story about a fox who lives by the sea."
FIRESIDE = [sys.executable, "-m", "fireside"]


def median_ms(measure: Callable[[], float], runs: int) -> str:
    """Return the median and the range of `runs` measurements that return seconds."""
    times = sorted(measure() * 1000 for _ in range(runs))
    return f"{statistics.median(times):.0f} ms ({times[0]:.0f}–{times[-1]:.0f})"


def timed_command(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run([*FIRESIDE, *arguments], check=True, capture_output=True)
    return time.perf_counter() - begun


def time_to_prompt(home: Path) -> float:
    begun = time.perf_counter()
    child = pexpect.spawn(
        FIRESIDE[0], FIRESIDE[1:], env={**environment(home), "TERM": "xterm"}, encoding="utf-8"
    )
    child.expect(r"\x1b\[\?2004h[^>]*>")
    spent = time.perf_counter() - begun
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    return spent


def time_to_first_word(server: Served) -> float:
    chat = server.new_conversation()
    begun = time.perf_counter()
    reply = server.begin(chat, QUESTION, sampling={"max_tokens": 8})
    spent = 0.0
    for _, name, _ in server.watch(reply):
        if name == "text" and not spent:
            spent = time.perf_counter() - begun
    return spent


def through_fireside(server: Served, tokens: int, seed: int) -> float:
    """Return the tokens per second that a watcher sees, from its first text to its last."""
    reply = server.begin(
        server.new_conversation(), STORY, sampling={"max_tokens": tokens, "seed": seed, "temperature": 0.8}
    )
    times, count = [], 0
    for _, name, data in server.watch(reply):
        if name == "text":
            times.append(time.perf_counter())
        if name == "finished":
            count = data["usage"]["completion_tokens"]
    return (count - 1) / (times[-1] - times[0])


async def from_the_engine(engine: Engine, tokens: int, seed: int) -> float:
    """Return the same of the engine itself, asked in this process."""
    text = f"<|im_start|>user\n{STORY}<|im_end|>\n<|im_start|>assistant\n"
    prompt = await engine.tokenize(text, special=True)
    times: list[float] = []
    count = 0
    sampling = Sampling(seed=seed, temperature=0.8)
    async for step in engine.generate(prompt, sampling, max_tokens=tokens):
        if isinstance(step, Piece):
            times.append(time.perf_counter())
            count += len(step.ids)
    return (count - 1) / (times[-1] - times[0])


def compare(server: Served, model: Path, runs: int, tokens: int) -> tuple[float, float]:
    """Return the medians of tokens per second: the engine alone, and through Fireside, in turns."""
    alone, through = [], []
    with asyncio.Runner() as runner:
        file = ModelFile("file:model", model, "benchmark", 8192, has_template=True)
        engine = runner.run(start(file, Settings(), None))
        try:
            for seed in range(runs):
                alone.append(runner.run(from_the_engine(engine, tokens, seed)))
                through.append(through_fireside(server, tokens, seed))
        finally:
            runner.run(engine.aclose())
    return statistics.median(alone), statistics.median(through)


def folder_megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=200)
    wanted = parser.parse_args()
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows.append(("`fireside --help`", median_ms(lambda: timed_command("--help"), wanted.runs)))
        settings = {"model": f"file:{wanted.model.absolute()}", "threads": "", "prompt_threads": ""}
        with serving(home, **settings) as server:
            resident = server.get("/status")["resident_bytes"] / 1e6
            rows.append(("server without its engine, resident", f"{resident:.0f} MB"))
            time_to_first_word(server)
            prompt = median_ms(lambda: time_to_prompt(home), wanted.runs)
            rows.append(("prompt of a chat, server running", prompt))
            first = median_ms(lambda: time_to_first_word(server), wanted.runs)
            rows.append(("first word of a short question", first))
            alone, through = compare(server, wanted.model.absolute(), wanted.runs, wanted.tokens)
    rows.append(("engine alone", f"{alone:.1f} tokens/s"))
    rows.append(("through Fireside", f"{through:.1f} tokens/s ({through / alone:.2f} of it)"))
    rows.append(("cost of a token on top of the engine", f"{1000 / through - 1000 / alone:.2f} ms"))
    installed = folder_megabytes(Path(sys.prefix)) + wanted.model.stat().st_size / 1e6
    rows.append(("this environment and the model", f"{installed:.0f} MB"))
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n")
    print("| what | measured |\n|---|---|")
    print("\n".join(f"| {name} | {value} |" for name, value in rows))


if __name__ == "__main__":
    main()
