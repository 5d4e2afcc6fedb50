"""Two servers on the same weights, asked the same: Fireside, and llama.cpp's server as its users run it.

The second is the same build in a plain process with the server's own defaults, to which the whole dialogue is
sent with every question, as its page does. What its cache holds is gone when it is.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from serving import PATIENCE_S, Served, gone, serving

PATIENCE_READING_S = 600.0
REPLY_TOKENS = 8
WORD_S = 1.0
"""for a word that is typed: sixty in a minute"""
LOOK_S = 1.0
"""for looking over what was typed"""
PLAIN = """
import os, sys, xllamacpp
answers = os.dup(1)
os.dup2(2, 1)
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx = sys.argv[1], 0, int(sys.argv[2]) * int(sys.argv[3])
params.n_parallel = int(sys.argv[3])
if threads := int(sys.argv[4]):
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(params)
os.write(answers, server.listening_address.encode() + b"\\n")
sys.stdin.read()
os._exit(0)
"""
"""the defaults, but for a port, the context (as long as Fireside's, for each slot), and how many slots"""


class Told(NamedTuple):
    """One answer: the seconds to its first word by the client's clock, and the engine's own counts."""

    first_word_s: float
    engine_s: float
    """the processor time that the engine took for it"""
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    typed_s: float = 0.0
    """the processor time that it took before, while the question was typed"""
    receipt: dict[str, Any] = {}  # noqa: RUF012 - never written to

    @property
    def read(self) -> int:
        return self.prompt_tokens - self.cached_tokens

    @property
    def held(self) -> int:
        """How many tokens the conversation has after it."""
        return self.prompt_tokens + self.completion_tokens


class Side(Protocol):
    """What a benchmark asks of a server. Conversations are numbered; a branch is left by `edit`, and `back`
    goes on from the reply before it."""

    def start(self) -> None: ...
    def end(self, number: int = signal.SIGTERM) -> None: ...
    def new(self) -> int: ...
    def ask(self, conversation: int, text: str) -> Told: ...
    def again(self, conversation: int) -> Told: ...
    def edit(self, conversation: int, text: str) -> Told: ...
    def back(self, conversation: int, text: str) -> Told: ...
    @property
    def disk_mb(self) -> float: ...


class Fireside:
    """The whole server, as `fireside serve` starts it."""

    def __init__(self, model: Path, home: Path, *, threads: int = 0, **settings: object) -> None:
        own = {"model": f"file:{model}", "threads": threads or "", "prompt_threads": threads or ""}
        self._settings = own | {"sampling_temperature": 0, "sampling_max_tokens": REPLY_TOKENS} | settings
        self.home = home
        self._running: AbstractContextManager[Served] | None = None
        self._conversations: list[str] = []
        self._heads: list[list[str]] = []
        """of each conversation: its replies, the newest last"""

    def start(self) -> None:
        self._running = serving(self.home, **self._settings)
        self.served = self._running.__enter__()
        self.served.http.timeout = httpx.Timeout(PATIENCE_READING_S)
        # The model is loaded before anything is measured.
        self.served.ask(self.served.new_conversation(temporary=True), "Hello.")
        self._engine = self.served.engine_pid()

    def end(self, number: int = signal.SIGTERM) -> None:
        assert self._running
        self.served.end(number)
        self._running.__exit__(None, None, None)
        while not gone(self._engine):
            time.sleep(0.05)

    def new(self) -> int:
        self._conversations.append(self.served.new_conversation())
        self._heads.append([])
        return len(self._heads) - 1

    def ask(self, conversation: int, text: str) -> Told:
        heads = self._heads[conversation]
        return self._post(conversation, text, heads[-1] if heads else None)

    def again(self, conversation: int) -> Told:
        cpu, begun = self._cpu_s(), time.perf_counter()
        last = self._heads[conversation][-1]
        return self._told(self.served.post(f"/messages/{last}/regenerate")["reply"]["id"], begun, cpu)

    def edit(self, conversation: int, text: str) -> Told:
        return self._post(conversation, text, self._heads[conversation][-2], keep=False)

    def back(self, conversation: int, text: str) -> Told:
        return self.ask(conversation, text)

    def type(self, conversation: int, text: str, *, look_over: bool) -> float:
        """Type `text` and tell it as the page does; return the engine's processor time until it is sent.

        Without `look_over` it is sent with the last key: then the last word was not told.
        """
        cpu = self._cpu_s()
        words = text.split()
        for number in range(1, len(words)):
            self._tell(conversation, " ".join(words[:number]) + " ")
            time.sleep(WORD_S)
        if look_over:
            self._tell(conversation, text)
            time.sleep(LOOK_S)
        return self._cpu_s() - cpu

    def _tell(self, conversation: int, text: str) -> None:
        heads = self._heads[conversation]
        body = {"text": text, "parent_id": heads[-1] if heads else None}
        self.served.post(f"/conversations/{self._conversations[conversation]}/typing", body, status=200)

    @property
    def disk_mb(self) -> float:
        return sum(path.stat().st_size for path in self.served.home.snapshots.iterdir()) / 1e6

    def states(self) -> list[Path]:
        return [*self.served.home.snapshots.glob("*.state")]

    def _post(self, conversation: int, text: str, parent: str | None, *, keep: bool = True) -> Told:
        cpu, begun = self._cpu_s(), time.perf_counter()
        body: dict[str, object] = {"parent_id": parent} if parent else {}
        reply = self.served.begin(self._conversations[conversation], text, **body)
        if keep:
            self._heads[conversation].append(reply)
        return self._told(reply, begun, cpu)

    def _told(self, reply: str, begun: float, cpu: float) -> Told:
        first = engine = 0.0
        for _, name, _ in self.served.watch(reply):
            if name == "text" and not first:
                first, engine = time.perf_counter(), self._cpu_s()
        record = self.served.get(f"/messages/{reply}/record")
        usage = record["usage"]
        return Told(first - begun, engine - cpu, **usage, receipt=record["receipt"])

    def _cpu_s(self) -> float:
        return cpu_s(self._engine)


class Plain:
    """llama.cpp's server with its defaults; the client keeps the dialogues."""

    def __init__(self, model: Path, *, context_length: int, slots: int = 1, threads: int = 0) -> None:
        self._command = [sys.executable, "-c", PLAIN, str(model)]
        self._command += [str(number) for number in (context_length, slots, threads)]
        self._dialogues: list[list[dict[str, str]]] = []

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout
        address = self._process.stdout.readline().strip()
        self._http = httpx.Client(
            base_url=address, timeout=PATIENCE_READING_S, trust_env=False, headers={"connection": "close"}
        )  # it closes kept-alive connections when it likes
        self._answer([{"role": "user", "content": "Hello."}])

    def end(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(signal.SIGKILL if number == signal.SIGKILL else signal.SIGTERM)
        self._process.wait(PATIENCE_S)
        self._http.close()

    def new(self) -> int:
        self._dialogues.append([])
        return len(self._dialogues) - 1

    def ask(self, conversation: int, text: str) -> Told:
        dialogue = self._dialogues[conversation]
        dialogue.append({"role": "user", "content": text})
        told, said = self._answer(dialogue)
        dialogue.append({"role": "assistant", "content": said})
        return told

    def again(self, conversation: int) -> Told:
        return self._answer(self._dialogues[conversation][:-1])[0]

    def edit(self, conversation: int, text: str) -> Told:
        return self._answer([*self._dialogues[conversation][:-2], {"role": "user", "content": text}])[0]

    def back(self, conversation: int, text: str) -> Told:
        return self.ask(conversation, text)

    @property
    def disk_mb(self) -> float:
        return 0.0

    def _answer(self, dialogue: list[dict[str, str]]) -> tuple[Told, str]:
        cpu, begun = cpu_s(self._process.pid), time.perf_counter()
        first = engine = 0.0
        said = ""
        body = {"messages": dialogue, "stream": True, "max_tokens": REPLY_TOKENS, "temperature": 0}
        with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            for chunk in chunks(response):
                piece = chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None
                if piece and not first:
                    first, engine = time.perf_counter(), cpu_s(self._process.pid)
                said += piece or ""
                timings = chunk.get("timings")
        cached = timings["cache_n"]
        prompt, written = timings["prompt_n"] + cached, timings["predicted_n"]
        return Told(first - begun, engine - cpu, prompt, cached, written), said


def chunks(response: httpx.Response) -> Iterator[Any]:
    for line in response.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far: what else the machine does isn't in it."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
