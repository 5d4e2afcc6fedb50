"""The sides that `sides` doesn't have: a native llama-server, transformers in two ways, OpenVINO GenAI."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from serving import PATIENCE_S
from sides import BRIEF, PATIENCE_READING_S, Api, Chatting, Dialogue, Server, Told, Wish, cpu_s

CHILD = Path(__file__).with_name("child.py")
LOADED_S = 120.0
NO_HUB = {"HF_HUB_OFFLINE": "1"}
LAST_WORDS = 400


class Native(Server):
    """A llama-server of one's own, with its defaults but for the port and the context."""

    listening = re.compile(r"listening on (http://[\d.]+:\d+)")

    def __init__(self, program: Path, model: Path, *, context_length: int, slots: int = 0) -> None:
        context = str(context_length * max(slots, 1))
        command = [str(program), "--model", str(model), "--port", "0", "--ctx-size", context]
        super().__init__([*command, *(["--parallel", str(slots)] if slots else [])])

    def _errors(self) -> int:
        return subprocess.STDOUT

    def _address(self) -> str:
        found = super()._address()
        threading.Thread(target=self._drain, daemon=True).start()
        return found

    def _drain(self) -> None:
        """Read on, so that it never waits for somebody to hear what it says."""
        assert self._process.stdout
        for _ in self._process.stdout:
            pass


class ServeApi(Api):
    """`transformers serve`: it refuses fields that it doesn't know, and takes the others of its own kind."""

    def __init__(self, address: str, model: Path, pid: int) -> None:
        super().__init__(address, pid=pid)
        self._model = str(model)

    def body(self, dialogue: Dialogue, wish: Wish) -> dict[str, Any]:
        how: dict[str, Any] = {"max_new_tokens": wish.tokens, "do_sample": wish.temperature > 0}
        if wish.temperature:
            how |= {"temperature": wish.temperature}
        # No token ends it: so it writes as many as it is asked for.
        return {
            "model": self._model,
            "messages": dialogue,
            "stream": True,
            "seed": wish.seed,
            "generation_config": json.dumps(how),
        }


class Serve(Server):
    """`transformers serve FOLDER`."""

    def __init__(self, python: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        program = str(python.parent / "transformers")
        command = [program, "serve", str(folder), "--host", "127.0.0.1", "--port", str(self._port)]
        super().__init__([*command, "--dtype", "bfloat16"], environ=os.environ | NO_HUB)
        self._folder = folder

    def reach(self, process: subprocess.Popen[str], address: str) -> Api:
        return ServeApi(address, self._folder, process.pid)

    def _address(self) -> str:
        threading.Thread(target=self._process.communicate, daemon=True).start()
        address, end = f"http://127.0.0.1:{self._port}", time.monotonic() + LOADED_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(f"{address}/health", trust_env=False).status_code == httpx.codes.OK:
                    return address
            except httpx.TransportError:
                time.sleep(0.02)
        raise OSError(f"transformers serve didn't answer within {LOADED_S:.0f} s")


class Spoken(Chatting):
    """A library in a process of its own, asked on its standard input (`child.py`)."""

    def __init__(self, python: Path, what: str, model: Path) -> None:
        super().__init__()
        self._command = [str(python), str(CHILD), what, str(model)]

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | NO_HUB,
        )
        self._words = [""]
        threading.Thread(target=self._hear, daemon=True).start()
        self._line()
        self.answer([{"role": "user", "content": "Hello."}], BRIEF)

    def end(self, number: int = signal.SIGTERM) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self, dialogue: Dialogue, wish: Wish) -> tuple[Told, str]:
        assert self._process.stdin
        asked = {"messages": dialogue, **wish._asdict()}
        cpu, begun = cpu_s(self.pid), time.perf_counter()
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        self._line()
        first, engine = time.perf_counter(), cpu_s(self.pid)
        told = self._line()
        written = time.perf_counter() - first
        counts = told["prompt_tokens"], 0, told["completion_tokens"]
        return Told(first - begun, engine - cpu, *counts, writing_s=written), told["text"]

    def _line(self) -> dict[str, Any]:
        """Return what it says next; OSError where it says nothing for too long, or ended."""
        assert self._process.stdout
        overdue = threading.Timer(PATIENCE_READING_S, self._process.kill)
        overdue.start()
        try:
            line = self._process.stdout.readline()
        finally:
            overdue.cancel()
        if not line:
            raise OSError(f"it ended: {self._words[-1]}")
        said: dict[str, Any] = json.loads(line)
        return said

    def _hear(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self._words = [*self._words, line.strip()[:LAST_WORDS]][-3:]


def unpacked(python: Path, model: Path, folder: Path) -> Path:
    """Return a folder with the weights of `model` as transformers has them, made unless it is there."""
    there = folder / f"{model.stem}-bfloat16"
    if not there.exists():
        part = there.with_name(f"part-{there.name}")
        done = subprocess.run([python, CHILD, "unpack", model, part], capture_output=True, text=True)
        if done.returncode:
            raise OSError((done.stderr.strip().splitlines() or ["it can't be unpacked"])[-1])
        part.replace(there)
    return there
