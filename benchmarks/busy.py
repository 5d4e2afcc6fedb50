"""What other programs cost: Fireside, and llama.cpp's server at its own defaults, quiet and busy.

`python benchmarks/busy.py --model SmolLM2.gguf [--native llama-server]` prints one Markdown table. All sides
run at once and are asked in turns, by the same client and interface; who isn't asked rests. The loads:

- `quiet`: nothing else
- `one core`: another program computes on one core without a pause
- `all cores`: as many of them as there are cores
- `second engine`: another model of the same side writes meanwhile

Engines were loaded while it was quiet: what comes then is what they weren't prepared for. Nothing is waited
for longer than 10 s: what hasn't come by then counts as if it came that very moment.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from sides import PLAIN, chunks

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from serving import serving

LONGEST_S = 10.0
REPLY_TOKENS = 48
SENTENCES = 8
TOKENS_OF_A_SENTENCE = 21.5
SETTLE_S = 0.3
"""after a load has begun, before anything is measured"""
STORY = "Write a long story about a fox who lives by the sea."
SENTENCE = "The keeper of lighthouse number {} counted {} ships that passed below his window that day. "
SECOND = "second"
BUSY = "while True: pass"
_numbers = itertools.count()


class Speed(NamedTuple):
    """Tokens per second, by the client's clock."""

    prompt: float
    reply: float


class Side:
    """A server that speaks OpenAI's interface; `second` is another model of it, with an engine of its own."""

    def __init__(self, name: str, first: httpx.Client, second: httpx.Client, model: str, other: str) -> None:
        self.name = name
        self._first = first, model
        self._second = second, other

    def measure(self) -> Speed:
        return Speed(self.read(), self.write(self._first))

    def read(self) -> float:
        """Read a text that it never saw, up to the first word."""
        begin = next(_numbers) * SENTENCES
        text = "".join(SENTENCE.format(number, number * 7) for number in range(begin, begin + SENTENCES))
        return SENTENCES * TOKENS_OF_A_SENTENCE / [*_asked(*self._first, text, 1), LONGEST_S][0]

    def write(self, which: tuple[httpx.Client, str] | None = None) -> float:
        first, *others = _asked(*(which or self._second), STORY, REPLY_TOKENS) or [0.0]
        return len(others) / (others[-1] - first) if others else 1 / LONGEST_S

    @contextmanager
    def second_writes(self) -> Iterator[list[float]]:
        """Have the other model write as long as the block lasts; its speeds are added to the list."""
        ended = threading.Event()
        speeds: list[float] = []

        def work() -> None:
            while not ended.is_set():
                speeds.append(self.write())

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield speeds
        finally:
            ended.set()
            thread.join()


def _asked(http: httpx.Client, model: str, text: str, tokens: int) -> list[float]:
    """Return when each token of the answer came, in seconds after the request, up to `LONGEST_S`."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0.8,
        "seed": next(_numbers),
        "stream": True,
    }
    begun = time.perf_counter()
    times: list[float] = []
    with (
        contextlib.suppress(httpx.ReadTimeout),
        http.stream("POST", "/v1/chat/completions", json=body) as response,
    ):
        assert response.status_code == httpx.codes.OK, response.read()
        for chunk in chunks(response):
            if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter() - begun)
            if time.perf_counter() - begun > LONGEST_S:
                break
    return times


def _client(address: str, **headers: str) -> httpx.Client:
    # The engine closes kept-alive connections when it likes.
    return httpx.Client(
        base_url=address, timeout=LONGEST_S, trust_env=False, headers={"connection": "close"} | headers
    )


@contextmanager
def fireside(name: str, model: Path, **settings: object) -> Iterator[Side]:
    """Run the whole server with the threads that it chooses itself."""
    with tempfile.TemporaryDirectory() as home:
        own = {"model": f"file:{model}", "threads": "", "prompt_threads": ""}
        with serving(Path(home), **own, **settings) as server:
            other = {"model": f"file:{model}", "context_length": 4096}
            path = f"/fireside/v1/models/aliases/{SECOND}"
            assert server.http.put(path, json=other, headers=server.owner).status_code == httpx.codes.OK
            http = _client(server.runtime.address, **server.owner)
            yield Side(name, http, http, f"file:{model}", SECOND)


@contextmanager
def defaults(name: str, model: Path, command: list[str] | None = None) -> Iterator[Side]:
    """Run llama.cpp's server with its own defaults, in two processes: it has one model each."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(_server(model, command)) for _ in range(2))
        yield Side(name, first, second, "", "")


@contextmanager
def _server(model: Path, command: list[str] | None) -> Iterator[httpx.Client]:
    plain = [sys.executable, "-c", PLAIN, str(model), "8192", "1", "0"]
    own = [*(command or []), "--model", str(model), "--ctx-size", "8192", "--parallel", "1", "--port", "0"]
    process = subprocess.Popen(
        own if command else plain,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if command else subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        said = next(line for line in process.stdout if "http://" in line)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield _client("http://" + said.rpartition("http://")[2].split()[0])
    finally:
        process.kill()
        process.wait()


@contextmanager
def busy(cores: int) -> Iterator[list[float]]:
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores)]
    try:
        yield []
    finally:
        for one in others:
            one.kill()
            one.wait()


Load = Callable[[Side], AbstractContextManager[list[float]]]


def loads(cores: int) -> dict[str, Load]:
    return {
        "quiet": lambda _: busy(0),
        "one core": lambda _: busy(1),
        "all cores": lambda _: busy(cores),
        "second engine": Side.second_writes,
    }


def measured(sides: list[Side], rounds: int, cores: int, most_s: float) -> dict[tuple[str, str], list[Speed]]:
    """Return what was measured of each side under each load; after `most_s` nothing new is begun."""
    begun = time.monotonic()
    found: dict[tuple[str, str], list[Speed]] = {}
    for side in sides:  # all are loaded before anything is measured
        side.measure()
        side.write()
    for number in range(rounds):
        for load, begin in loads(cores).items():
            for side in sides if number % 2 else reversed(sides):
                if number and time.monotonic() - begun > most_s:
                    return found
                with begin(side):
                    time.sleep(SETTLE_S)
                    found.setdefault((side.name, load), []).append(side.measure())
    return found


def shown(speeds: list[float]) -> str:
    return f"{statistics.median(speeds):.0f} ({min(speeds):.0f}–{max(speeds):.0f})"


def table(found: dict[tuple[str, str], list[Speed]], against: dict[str, str]) -> Iterator[str]:
    """Yield the lines; each side is compared with itself when it is quiet, and with another one."""
    yield "| side, load | prompt, tokens/s | of quiet | reply, tokens/s | of quiet | beside the defaults |"
    yield "|---|---|---|---|---|---|"
    for load in dict.fromkeys(load for _, load in found):
        for side, other in against.items():
            columns = list(zip(*found[side, load], strict=True))
            quiet = [statistics.median(one) for one in zip(*found[side, "quiet"], strict=True)]
            prompt, reply = (statistics.median(one) for one in columns)
            beside = reply / statistics.median(one.reply for one in found[other, load])
            yield (
                f"| {side}, {load} | {shown(list(columns[0]))} | {prompt / quiet[0]:.2f} "
                f"| {shown(list(columns[1]))} | {reply / quiet[1]:.2f} | {beside:.2f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--native", type=Path, help="a llama-server that was built for this machine")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=30.0, help="only the first round takes longer")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # nothing is left running
    model = asked.model.absolute()
    cores = len(os.sched_getaffinity(0))
    prebuilt, native = "prebuilt, its defaults", "native, its defaults"
    against = {"Fireside, prebuilt": prebuilt, prebuilt: prebuilt}
    with ExitStack() as stack:
        opened = [fireside("Fireside, prebuilt", model), defaults(prebuilt, model)]
        if asked.native:
            program = str(asked.native.absolute())
            opened.append(fireside("Fireside, native", model, llama_server=program))
            opened.append(defaults(native, model, [program]))
            against |= {"Fireside, native": native, native: native}
        sides = [stack.enter_context(one) for one in opened]
        found = measured(sides, asked.rounds, cores, asked.minutes * 60)
    rounds = len(found[prebuilt, "quiet"])
    print(f"{platform.machine()}, {cores} cores, {model.name}, {rounds} rounds, medians (ranges)\n")
    print("\n".join(table(found, against)))


if __name__ == "__main__":
    main()
