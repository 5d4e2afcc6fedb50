"""Whoever hangs up frees a place soon, and nobody else notices."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from serving import PATIENCE_S, Served, serving, wait_for

LONG_PROMPT = "The fox crosses the frozen river at night. " * 150
"""About 1,500 tokens: many of the engine's batches."""


@pytest.fixture(scope="module")
def slots(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, smollm2: Path, slots: int) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}", slots=slots) as server:
        server.ask(server.new_conversation(), "Hi", sampling={"max_tokens": 1})
        yield server


def asking(text: str, tokens: int, *, stream: bool) -> dict[str, Any]:
    story = [{"role": "user", "content": text}]
    return {"messages": story, "max_tokens": tokens, "stream": stream, "temperature": 0.8, "seed": 4}


class Neighbour(threading.Thread):
    """Somebody else's stream, read to its end."""

    def __init__(self, server: Served, tokens: int = 600) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._body = asking("Write a very long story about the sea.", tokens, stream=True)
        self.lines: list[str] = []
        self.status = 0
        self.start()
        self.go_on(5)

    def run(self) -> None:
        with self._server.http.stream("POST", "/v1/chat/completions", json=self._body) as answer:
            self.status = answer.status_code
            self.lines.extend(line for line in answer.iter_lines() if line.startswith("data:"))

    def go_on(self, pieces: int) -> None:
        """Wait until so many more pieces came."""
        wanted = len(self.lines) + pieces
        wait_for(lambda: len(self.lines) >= wanted or not self.is_alive(), "the neighbour's stream goes on")

    def must_end_well(self) -> None:
        self.join(PATIENCE_S)
        assert self.status == 200
        assert self.lines[-1] == "data: [DONE]"
        assert not [line for line in self.lines if '"error"' in line]


class Leaver:
    """A client that will hang up: a bare socket, so that nothing is said about it beforehand."""

    def __init__(self, server: Served, body: dict[str, Any]) -> None:
        address = urlsplit(server.runtime.address)
        sent = json.dumps(body).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        self._socket = socket.create_connection((str(address.hostname), address.port or 0), PATIENCE_S)
        self._socket.sendall(head.encode() + sent)

    def hear(self, words: bytes) -> None:
        heard = b""
        while words not in heard:
            heard += self._socket.recv(4096)

    def leave(self) -> None:
        self._socket.close()


def queued(server: Served) -> int:
    count: int = server.get("/status")["queued"]
    return count


def users(server: Served) -> int:
    count: int = server.get("/status")["engines"][0]["users"]
    return count


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("slots", [1], indirect=True)
def test_whoever_leaves_the_queue_is_out_of_it(busy: Served, *, stream: bool) -> None:
    neighbour = Neighbour(busy)
    leaver = Leaver(busy, asking("Hi", 900, stream=stream))
    wait_for(lambda: queued(busy) == 1, "the second one waits")
    leaver.leave()
    wait_for(lambda: queued(busy) == 0, "it has left the queue")
    assert neighbour.is_alive(), "nobody waited for the neighbour's end"
    neighbour.must_end_well()
    wait_for(lambda: users(busy) == 0, "nobody holds a place")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("moment", ["reading", "reply"])
@pytest.mark.parametrize("slots", [2], indirect=True)
def test_whoever_leaves_frees_a_slot_for_the_next(busy: Served, moment: str, *, stream: bool) -> None:
    neighbour = Neighbour(busy)
    text = LONG_PROMPT if moment == "reading" else "Write a very long story about a mill."
    leaver = Leaver(busy, asking(text, 1900 if moment == "reply" else 400, stream=stream))
    wait_for(lambda: users(busy) == 2, "the second one is in the engine")
    if moment == "reply":
        neighbour.go_on(20)
        if stream:
            leaver.hear(b'"content":')
    leaver.leave()
    wait_for(lambda: users(busy) == 1, "its place is free")
    next_one = busy.http.post("/v1/chat/completions", json=asking("Hi", 3, stream=False))
    assert next_one.status_code == 200
    assert neighbour.is_alive(), "the next one didn't wait for an abandoned reply to end"
    neighbour.must_end_well()
    wait_for(lambda: users(busy) == 0, "nobody holds a place")


@pytest.mark.parametrize("slots", [1], indirect=True)
def test_a_conversation_in_the_queue_says_so_and_goes_on_without_its_watcher(busy: Served) -> None:
    neighbour = Neighbour(busy)
    reply = busy.begin(busy.new_conversation(), "Hi", sampling={"max_tokens": 3})
    places = []
    for _, name, data in busy.watch(reply):
        if name == "progress" and data["stage"] == "queued":
            places.append(data)
            break
    assert (places[0]["done"], places[0]["unit"]) == (1, "replies")
    assert queued(busy) == 1
    neighbour.must_end_well()
    assert [name for _, name, _ in busy.watch(reply)][-1] == "finished"


def test_past_the_bound_429_says_when_to_come_back(tmp_path: Path, smollm2: Path) -> None:
    settings = {"slots": 1, "queue_length": 1}
    with serving(tmp_path, model=f"file:{smollm2}", **settings) as server:
        server.ask(server.new_conversation(), "Hi", sampling={"max_tokens": 1})
        neighbour = Neighbour(server, 400)
        waiting = Leaver(server, asking("Hi", 5, stream=False))
        wait_for(lambda: queued(server) == 1, "one waits")
        refused = server.http.post("/v1/chat/completions", json=asking("Hi", 5, stream=True))
        assert refused.status_code == 429, refused.text
        assert refused.json()["error"]["code"] == "too_busy"
        assert int(refused.headers["retry-after"]) >= 1
        waiting.leave()
        neighbour.must_end_well()
