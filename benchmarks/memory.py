"""Waiting: the first word after a restart, and over a hundred turns, with snapshots and without.

`python benchmarks/memory.py --model SmolLM2.gguf` talks with two servers on the same weights: one as it is,
and one with `snapshots_bytes=0`, whose engine is then llama.cpp's server as its users run it. The model is
loaded before anything is measured. Times are those that the server tells with every reply.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

TOKENS = 6000
TURNS = (1, 10, 50, 100)
AROUND = 2
"""turns before and after one that count for it: one turn alone is a matter of luck"""
SENTENCE = "The keeper of lighthouse number {} counted {} ships that passed below his window that day. "
SHORT = {"max_tokens": 8, "temperature": 0.0}

Serve = Callable[..., AbstractContextManager[Any]]


class After(NamedTuple):
    """A long conversation after its server came back."""

    first_word_s: float
    cached: float
    """share of what had been read or said"""
    disk_mb: float


def a_long_text(tokens: int) -> str:
    """Return a text of about so many tokens (SmolLM2 makes 21.5 of a sentence)."""
    return "".join(SENTENCE.format(number, number * 7) for number in range(round(tokens / 21.5)))


def served(model: Path, home: Path, threads: str) -> Serve:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from serving import serving

    own = {"model": f"file:{model}", "threads": threads, "prompt_threads": threads, "context_length": 8192}
    return lambda **changes: serving(home, **(own | changes))


def after_restart(serve: Serve, *, ending: int = signal.SIGTERM, tokens: int, **settings: object) -> After:
    """Return what somebody finds who comes back to a conversation of so many tokens."""
    with serve(**settings) as server:
        conversation = server.new_conversation()
        before = server.ask(conversation, a_long_text(tokens), sampling=SHORT)["usage"]
        if ending == signal.SIGKILL:
            while not [*server.home.snapshots.glob("*.state")]:
                time.sleep(0.1)
        server.end(ending)
        disk = sum(path.stat().st_size for path in server.home.snapshots.iterdir())
    with serve(**settings) as server:
        server.ask(server.new_conversation(temporary=True), "Hello.", sampling=SHORT)
        record = server.ask(conversation, "And then?", sampling=SHORT)
    read = before["prompt_tokens"] + before["completion_tokens"]
    cached = record["usage"]["cached_tokens"] / read
    return After(record["timings"]["first_token_ms"] / 1000, cached, disk / 1e6)


def over_turns(serve: Serve, turns: int) -> list[tuple[float, int]]:
    """Return the seconds to the first word of each turn of one conversation, and the tokens read for it."""
    with serve() as server:
        server.ask(server.new_conversation(temporary=True), "Hello.", sampling=SHORT)
        conversation = server.new_conversation()
        told = [
            server.ask(conversation, SENTENCE.format(turn, turn), sampling=SHORT)
            for turn in range(1, turns + 1)
        ]
    return [
        (
            record["timings"]["first_token_ms"] / 1000,
            record["usage"]["prompt_tokens"] - record["usage"]["cached_tokens"],
        )
        for record in told
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--threads", default="", help="for a busy machine: the usual number else")
    parser.add_argument("--turns", type=int, default=TURNS[-1])
    asked = parser.parse_args()
    print(f"| conversation of {asked.tokens:,} tokens | first word | read already | on disk |")
    print("|---|---|---|---|", flush=True)
    first_words = []
    for name, ending, settings in (
        ("restarted, with snapshots", signal.SIGTERM, {}),
        ("killed (-9), with snapshots", signal.SIGKILL, {}),
        ("restarted, without snapshots", signal.SIGTERM, {"snapshots_bytes": 0}),
    ):
        with tempfile.TemporaryDirectory() as home:
            serve = served(asked.model, Path(home), asked.threads)
            after = after_restart(serve, ending=ending, tokens=asked.tokens, **settings)
        first_words.append(after.first_word_s)
        row = f"{after.first_word_s:.2f} s | {after.cached:.1%} | {after.disk_mb:.0f} MB"
        print(f"| {name} | {row} |", flush=True)
    print(f"\nRead anew takes {first_words[2] / first_words[0]:.0f} times as long.\n", flush=True)
    with tempfile.TemporaryDirectory() as home:
        told = over_turns(served(asked.model, Path(home), asked.threads), asked.turns)
    print("| turn | first word | tokens read for it |\n|---|---|---|")
    for turn in [turn for turn in TURNS if turn <= asked.turns]:
        around = told[max(0, turn - 1 - AROUND) : turn + AROUND]
        seconds = statistics.median(seconds for seconds, _ in around)
        print(f"| {turn} | {seconds:.3f} s | {max(read for _, read in around)} |")


if __name__ == "__main__":
    main()
