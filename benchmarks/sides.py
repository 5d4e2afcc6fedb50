"""Servers on the same weights, asked the same: Fireside, and llama.cpp's server as its users run it.

The second is the same build in a plain process with the server's own defaults, to which the whole dialogue is
sent with every question, as its page does. What its cache holds is gone when it is. More are in `beside/`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
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


Dialogue = list[dict[str, str]]
"""messages as OpenAI's interface has them"""
NO_END = {"0": -100, "2": -100}
"""biases against SmolLM2's `<|endoftext|>` and `<|im_end|>`: then a side writes as long as it is asked to"""


class Wish(NamedTuple):
    """How an answer is to be written. `forced`: not ended before all its tokens, where that can be asked."""

    tokens: int = REPLY_TOKENS
    temperature: float = 0.0
    seed: int = 1
    forced: bool = False


BRIEF = Wish()


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
    writing_s: float = 0.0
    """from the first word to the last"""

    @property
    def tokens_per_s(self) -> float:
        """of the reply, behind its first word"""
        return (self.completion_tokens - 1) / self.writing_s if self.writing_s else 0.0

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
    def ask(self, conversation: int, text: str, wish: Wish = BRIEF) -> Told: ...
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
        self.api = Api(self.served.runtime.address, key=self.served.runtime.token, pid=self._engine)

    @property
    def pid(self) -> int:
        return self.served.process.pid

    def end(self, number: int = signal.SIGTERM) -> None:
        assert self._running
        self.api.close()
        self.served.end(number)
        self._running.__exit__(None, None, None)
        while not gone(self._engine):
            time.sleep(0.05)

    def new(self) -> int:
        self._conversations.append(self.served.new_conversation())
        self._heads.append([])
        return len(self._heads) - 1

    def ask(self, conversation: int, text: str, wish: Wish = BRIEF) -> Told:
        heads = self._heads[conversation]
        return self._post(conversation, text, heads[-1] if heads else None, wish=wish)

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

    def _post(
        self, conversation: int, text: str, parent: str | None, *, keep: bool = True, wish: Wish = BRIEF
    ) -> Told:
        cpu, begun = self._cpu_s(), time.perf_counter()
        body: dict[str, object] = {"parent_id": parent} if parent else {}
        if wish is not BRIEF:
            body["sampling"] = {
                "max_tokens": wish.tokens,
                "temperature": wish.temperature,
                "seed": wish.seed,
            }
        reply = self.served.begin(self._conversations[conversation], text, **body)
        if keep:
            self._heads[conversation].append(reply)
        return self._told(reply, begun, cpu)

    def _told(self, reply: str, begun: float, cpu: float) -> Told:
        first = last = engine = 0.0
        for _, name, _ in self.served.watch(reply):
            if name != "text":
                continue
            last = time.perf_counter()
            if not first:
                first, engine = last, self._cpu_s()
        record = self.served.get(f"/messages/{reply}/record")
        usage, receipt = record["usage"], record["receipt"]
        return Told(first - begun, engine - cpu, **usage, receipt=receipt, writing_s=last - first)

    def _cpu_s(self) -> float:
        return cpu_s(self._engine)


class Chatting(ABC):
    """A side whose client keeps the dialogues, and sends the whole of one with every question."""

    def __init__(self) -> None:
        self._dialogues: list[Dialogue] = []

    @abstractmethod
    def answer(self, dialogue: Dialogue, wish: Wish) -> tuple[Told, str]:
        """Return the answer to the last message, and its text."""

    def new(self) -> int:
        self._dialogues.append([])
        return len(self._dialogues) - 1

    def ask(self, conversation: int, text: str, wish: Wish = BRIEF) -> Told:
        dialogue = self._dialogues[conversation]
        dialogue.append({"role": "user", "content": text})
        told, said = self.answer(dialogue, wish)
        dialogue.append({"role": "assistant", "content": said})
        return told

    def again(self, conversation: int) -> Told:
        return self.answer(self._dialogues[conversation][:-1], BRIEF)[0]

    def edit(self, conversation: int, text: str) -> Told:
        changed = [*self._dialogues[conversation][:-2], {"role": "user", "content": text}]
        return self.answer(changed, BRIEF)[0]

    def back(self, conversation: int, text: str) -> Told:
        return self.ask(conversation, text)

    @property
    def disk_mb(self) -> float:
        return 0.0


class Api(Chatting):
    """OpenAI's interface of a server that runs already, with the fields that llama.cpp adds to it."""

    def __init__(self, address: str, *, key: str = "", pid: int = 0) -> None:
        super().__init__()
        self._pid = pid
        # The connection is closed each time: llama.cpp's server ends kept-alive ones when it likes.
        headers = {"connection": "close"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._http = httpx.Client(
            base_url=address, timeout=PATIENCE_READING_S, trust_env=False, headers=headers
        )

    def body(self, dialogue: Dialogue, wish: Wish) -> dict[str, Any]:
        asked = {"messages": dialogue, "stream": True, "stream_options": {"include_usage": True}}
        how = {"max_tokens": wish.tokens, "temperature": wish.temperature, "seed": wish.seed}
        return asked | how | ({"logit_bias": NO_END} if wish.forced else {})

    def answer(self, dialogue: Dialogue, wish: Wish) -> tuple[Told, str]:
        cpu, begun = self._cpu_s(), time.perf_counter()
        first = last = engine = 0.0
        said = ""
        usage: dict[str, Any] = {}
        timings: dict[str, Any] = {}
        with self._http.stream("POST", "/v1/chat/completions", json=self.body(dialogue, wish)) as response:
            if response.status_code != httpx.codes.OK:
                raise httpx.HTTPError(f"{response.status_code}: {response.read()[:200]!r}")
            for chunk in chunks(response):
                piece = chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None
                if piece:
                    last = time.perf_counter()
                    if not first:
                        first, engine = last, self._cpu_s()
                said += piece or ""
                usage = chunk.get("usage") or usage
                timings = chunk.get("timings") or timings
        if not first:
            raise httpx.HTTPError("it wrote nothing")
        details = usage.get("prompt_tokens_details") or {}
        cached = timings.get("cache_n", details.get("cached_tokens", 0))
        told = Told(
            first - begun,
            engine - cpu,
            usage["prompt_tokens"],
            cached,
            usage["completion_tokens"],
            writing_s=last - first,
        )
        return told, said

    def close(self) -> None:
        self._http.close()

    def _cpu_s(self) -> float:
        return cpu_s(self._pid) if self._pid else 0.0


class Server(Chatting):
    """A server of its own process, which says on a line of its output where it listens."""

    listening = re.compile(r"(http://[\d.]+:\d+)")

    def __init__(self, command: Sequence[str], *, environ: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self._command = command
        self._environ = environ

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors(),
            text=True,
            env=dict(self._environ),
        )
        self.api = self.reach(self._process, self._address())
        self.answer([{"role": "user", "content": "Hello."}], BRIEF)

    def reach(self, process: subprocess.Popen[str], address: str) -> Api:
        return Api(address, pid=process.pid)

    def _errors(self) -> int:
        return subprocess.DEVNULL

    def _address(self) -> str:
        assert self._process.stdout
        for line in self._process.stdout:
            if found := self.listening.search(line):
                return found.group(1)
        raise OSError(f"{self._command[0]} ended with {self._process.wait()}")

    def end(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(signal.SIGKILL if number == signal.SIGKILL else signal.SIGTERM)
        self._process.wait(PATIENCE_S)
        self.api.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self, dialogue: Dialogue, wish: Wish) -> tuple[Told, str]:
        return self.api.answer(dialogue, wish)


class Plain(Server):
    """llama.cpp's server with its defaults, as it comes prebuilt."""

    def __init__(self, model: Path, *, context_length: int, slots: int = 1, threads: int = 0) -> None:
        numbers = [str(number) for number in (context_length, slots, threads)]
        super().__init__([sys.executable, "-c", PLAIN, str(model), *numbers])


def chunks(response: httpx.Response) -> Iterator[Any]:
    for line in response.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far: what else the machine does isn't in it."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
