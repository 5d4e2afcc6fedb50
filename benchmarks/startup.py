"""From nothing to the first word, and what a server costs that nobody asks.

`python benchmarks/startup.py PIECE --model SmolLM2.gguf [--native llama-server]` prints one Markdown table.
The pieces:

- `cold`: `fireside ask` where no server runs and no model is loaded, and when what happened on the way
- `page`: a server that somebody started, asked for the first time, and again
- `warmup`: the engine's own warm-up: what it takes of a load, and the first word with and without it
- `idle`: wake-ups and processor time of the server, without its engine and with it

The model's file is in the system's cache, and the home was used before. Threads are Fireside's own choice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import select
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fireside.runtime import is_held, read
from fireside.settings import Home
from serving import Served, environment, serving, wait_for
from sides import cpu_s

QUESTION = "What is the capital of France?"
LOOK_S = 0.005
PATIENCE_S = 60.0
IDLE_S = 30.0
SETTLED_S = 75.0
"""after a reply: by then everything is read ahead and saved"""
WARMUP = """
import os, sys, xllamacpp
answers = os.dup(1)
os.dup2(2, 1)
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel = sys.argv[1], 0, 8192, 1
params.warmup, params.fit_params = sys.argv[2] == "with", False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
os.write(answers, server.listening_address.encode() + b"\\n")
sys.stdin.read()
os._exit(0)
"""
Times = dict[str, list[float]]
"""seconds, by what happened"""


def shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"


def note(times: Times, what: str, seconds: float) -> None:
    times.setdefault(what, []).append(seconds)


# -- cold


def cold(model: Path, settings: dict[str, object], runs: int) -> Times:
    """Ask where nothing runs; return when after the command's start what was seen."""
    times: Times = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), Path(folder))
        environ = environment(home.data, model=f"file:{model}", **settings)
        for number in range(runs + 1):
            seen = _asked(home, environ)
            _end(home)
            for what, seconds in seen.items() if number else ():  # the first one makes the database
                note(times, what, seconds)
    return times


def _asked(home: Home, environ: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "fireside", "ask", "--max-tokens", "4", QUESTION]
    begun = time.perf_counter()
    asking = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert asking.stdout
    seen: dict[str, float] = {}

    def look(what: str, there: object) -> None:
        if there and what not in seen:
            seen[what] = time.perf_counter() - begun

    while not select.select([asking.stdout], [], [], LOOK_S)[0]:
        servers = _children(asking.pid)
        look("the server's process begins", servers)
        look("the engine's process begins", servers and _children(servers[0]))
        look("the server answers", home.runtime_file.exists())
    look("the first word", 1)
    asking.communicate()
    assert asking.returncode == 0
    return seen


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _end(home: Home) -> None:
    if running := read(home):
        os.kill(running.pid, 15)
    wait_for(lambda: not is_held(home), "the server has left")


# -- page


def page(model: Path, settings: dict[str, object], runs: int) -> Times:
    times: Times = {}
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home), model=f"file:{model}", **settings) as server,
    ):
        for _ in range(runs):
            note(times, "first word, model not loaded", _first_word(server))
            note(times, "first word, model loaded", _first_word(server))
            note(
                times,
                "of it the load, as the engine tells",
                server.get("/status")["engines"][0]["load_ms"] / 1000,
            )
            server.post("/models/unload", {"reference": f"file:{model}"}, status=200)
            wait_for(lambda: not server.get("/status")["engines"], "it is unloaded")
            time.sleep(0.5)
    return times


def _first_word(server: Served) -> float:
    chat = server.new_conversation(temporary=True)
    begun = time.perf_counter()
    reply = server.begin(chat, QUESTION, sampling={"max_tokens": 4})
    events = server.watch(reply)
    first = next(time.perf_counter() for _, name, _ in events if name == "text")
    for _ in events:
        pass
    return first - begun


# -- warmup


def warmup(model: Path, native: Path | None, runs: int) -> Times:
    times: Times = {}
    for _ in range(runs):
        for name in ("prebuilt", "native") if native else ("prebuilt",):
            for kind in ("with", "without"):
                begun = time.perf_counter()
                with _engine(model, kind, native if name == "native" else None) as address:
                    note(times, f"{name}, {kind} warm-up: it listens", time.perf_counter() - begun)
                    _complete(address)
                    note(times, f"{name}, {kind} warm-up: the first word", time.perf_counter() - begun)
    return times


@contextlib.contextmanager
def _engine(model: Path, kind: str, native: Path | None) -> Iterator[str]:
    command = [sys.executable, "-c", WARMUP, str(model), kind]
    if native:
        command = [
            str(native),
            *("--model", str(model), "--ctx-size", "8192", "--parallel", "1", "--port", "0"),
        ]
        command += ["--threads", "1", "--threads-batch", "1", "--fit", "off", "--verbosity", "4"]
        command += ["--no-warmup"] if kind == "without" else []
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if native else subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        said = next(line for line in process.stdout if "http://" in line)
        yield "http://" + said.rpartition("http://")[2].split()[0]
    finally:
        process.kill()
        process.communicate()


def _complete(address: str) -> None:
    body = json.dumps({"prompt": QUESTION, "n_predict": 1}).encode()
    asked = urllib.request.Request(  # noqa: S310 - the engine's own address
        f"{address}/completion", body, {"content-type": "application/json"}
    )
    urllib.request.urlopen(asked, timeout=PATIENCE_S).read()  # noqa: S310


# -- idle


def idle(model: Path, settings: dict[str, object]) -> Iterator[tuple[str, float, float]]:
    """Yield each process with its wake-ups per second and its milliseconds of processor time per second."""
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home), model=f"file:{model}", **settings) as server,
    ):
        time.sleep(5)
        yield from _awake({"the server, no model loaded": server.process.pid})
        server.ask(server.new_conversation(), QUESTION, sampling={"max_tokens": 16})
        time.sleep(SETTLED_S)
        yield from _awake(
            {"the server, a model loaded": server.process.pid, "the engine": server.engine_pid()}
        )


def _awake(processes: dict[str, int]) -> Iterator[tuple[str, float, float]]:
    before = {pid: (_wakes(pid), cpu_s(pid)) for pid in processes.values()}
    time.sleep(IDLE_S)
    for name, pid in processes.items():
        wakes, used_s = before[pid]
        yield name, (_wakes(pid) - wakes) / IDLE_S, (cpu_s(pid) - used_s) * 1000 / IDLE_S


def _wakes(pid: int) -> int:
    """Return how often the threads of a process have gone to sleep so far: as often they were woken."""
    threads = (thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("piece", choices=("cold", "page", "warmup", "idle"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--native", type=Path, help="a llama-server that was built for this machine")
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    model = asked.model.absolute()
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {model.name}\n")
    builds: dict[str, dict[str, object]] = {"": {"threads": "", "prompt_threads": ""}}
    if asked.native:
        builds[", native"] = builds[""] | {"llama_server": asked.native.absolute()}
    if asked.piece == "idle":
        print("| process | wake-ups per second | processor time |\n|---|---|---|")
        for build, settings in builds.items():
            for name, wakes, used_ms in idle(model, settings):
                print(f"| {name}{build} | {wakes:.2f} | {used_ms:.2f} ms/s |", flush=True)
        return
    print("| what | median (range) |\n|---|---|")
    if asked.piece == "warmup":
        tables = {"": warmup(model, asked.native, asked.runs)}
    else:
        piece = {"cold": cold, "page": page}[asked.piece]
        tables = {build: piece(model, settings, asked.runs) for build, settings in builds.items()}
    for build, times in tables.items():
        for what, seconds in times.items():
            print(f"| {what}{build} | {shown(seconds)} |")


if __name__ == "__main__":
    main()
