"""Starts the real server as its own process, as a person or a command does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from fireside.runtime import Runtime, find
from fireside.settings import Home

PATIENCE_S = 60.0
"""How long a test waits for what must come; it only decides when a broken program is given up."""


def wait_for(what: Any, meaning: str, patience_s: float = PATIENCE_S) -> Any:
    """Return the first true result of `what()`."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if result := what():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited in vain until {meaning}")


def processor_s(pid: int) -> float:
    """Return the processor time that a process has taken so far."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def until_rested(pid: int, after_s: float) -> None:
    """Wait until a process has worked since it had taken `after_s` of processor time, and then has rested."""
    seen = [after_s]

    def rests() -> bool:
        time.sleep(1.0)
        now, before = processor_s(pid), seen[-1]
        seen.append(now)
        return now - before < 0.01 and now > after_s + 0.01  # a server that rests still looks around

    wait_for(rests, "it has worked, and rests")


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie counts: nobody of ours is its parent)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return True
    return state == "Z"


class Served:
    """A server process, and a plain HTTP client for it."""

    def __init__(self, home: Path, process: subprocess.Popen[str]) -> None:
        self.home = Home(home, home)
        self.process = process
        self.runtime: Runtime = wait_for(self._up, "the server is up")
        self.http = httpx.Client(base_url=self.runtime.address, timeout=PATIENCE_S, trust_env=False)

    def _up(self) -> Runtime | None:
        if self.process.poll() is not None:
            raise AssertionError(f"the server left: {self.process.communicate()}")
        return find(self.home)

    @property
    def owner(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.runtime.token}"}

    def post(self, path: str, body: object = None, status: int = 201) -> Any:
        response = self.http.post(f"/fireside/v1{path}", json=body or {}, headers=self.owner)
        assert response.status_code == status, response.text
        return response.json()

    def get(self, path: str) -> Any:
        response = self.http.get(f"/fireside/v1{path}")
        assert response.status_code == 200, response.text
        return response.json()

    def new_conversation(self, **body: object) -> str:
        identity: str = self.post("/conversations", body)["id"]
        return identity

    def begin(self, conversation: str, text: str, **body: object) -> str:
        """Post a message and return the id of its reply."""
        reply: str = self.post(f"/conversations/{conversation}/messages", {"text": text, **body})["reply"][
            "id"
        ]
        return reply

    def watch(self, reply: str, after: str = "") -> Iterator[tuple[str, str, Any]]:
        """Yield id, name and data of the reply's events, by a reader of server-sent events."""
        headers = {"last-event-id": after} if after else {}
        with self.http.stream("GET", f"/fireside/v1/replies/{reply}/events", headers=headers) as response:
            assert response.status_code == 200
            yield from read_sse(response)

    def ask(self, conversation: str, text: str, **body: object) -> Any:
        """Return the record of the ended reply to `text`."""
        reply = self.begin(conversation, text, **body)
        last = [name for _, name, _ in self.watch(reply)][-1]
        assert last in ("finished", "failed")
        return self.get(f"/messages/{reply}/record")

    def engine_pid(self) -> int:
        pid: int = self.get("/status")["engines"][0]["pid"]
        return pid

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def read_sse(response: httpx.Response) -> Iterator[tuple[str, str, Any]]:
    import httpx_sse

    for event in httpx_sse.EventSource(response).iter_sse():
        if event.data:  # a comment says that nothing has happened for long
            yield event.id, event.event, event.json()


def environment(home: Path, **settings: object) -> dict[str, str]:
    """Return an environment with nobody's settings but these; one thread for every engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIRESIDE_")}
    own = {"home": home, "port": 0, "threads": 1, "prompt_threads": 1, **settings}
    return kept | {f"FIRESIDE_{name.upper()}": str(value) for name, value in own.items()}


@contextmanager
def serving(home: Path, *arguments: str, **settings: object) -> Iterator[Served]:
    """Run `fireside serve` on `home`, and end it afterwards if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fireside", "serve", *arguments],
        env=environment(home, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    served = None
    try:
        served = Served(home, process)
        yield served
    finally:
        if served:
            served.http.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()
