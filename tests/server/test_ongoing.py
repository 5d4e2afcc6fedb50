"""Streams of other programs when the server ends, and when the key that they were begun with is removed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import PATIENCE_S, Served, gone, serving, wait_for

STORY = [{"role": "user", "content": "Write a very long story about a fox who lives by the sea."}]
NO_END = {"2": -100}
"""The token that ends the small model's turn never comes."""
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": STORY, "stream": True, "temperature": 0, "logit_bias": NO_END},
    "/v1/completions": {"prompt": "Once", "stream": True, "temperature": 0, "logit_bias": NO_END},
    "/v1/responses": {"input": STORY, "stream": True, "temperature": 0},
    "/v1/messages": {"model": "default", "messages": STORY, "stream": True, "temperature": 0},
    "/api/chat": {"model": "default", "messages": STORY, "options": {"temperature": 0}},
    "/api/generate": {"model": "default", "prompt": "Once upon a time", "options": {"temperature": 0}},
}
LAST = {
    "/v1/chat/completions": "data: [DONE]",
    "/v1/completions": "data: [DONE]",
    "/v1/responses": '"type":"response.incomplete"',
    "/v1/messages": '"type":"message_stop"',
    "/api/chat": '"done":true',
    "/api/generate": '"done":true',
}
"""What is in the last line of a stream that came to its own end."""


def asked(path: str, tokens: int) -> dict[str, Any]:
    body = ASKED[path]
    if path.startswith("/api/"):
        return {**body, "options": {**body["options"], "num_predict": tokens}}
    return {**body, "max_output_tokens" if path == "/v1/responses" else "max_tokens": tokens}


class Stream(threading.Thread):
    """Somebody's stream, read to its end in whichever way that comes."""

    def __init__(self, server: Served, path: str, tokens: int, key: str = "none") -> None:
        super().__init__(daemon=True)
        self.path = path
        self.lines: list[str] = []
        self.status = 0
        self.broken = False
        self._client = httpx.Client(base_url=server.runtime.address, trust_env=False, timeout=PATIENCE_S)
        self._asked = {"json": asked(path, tokens), "headers": {"authorization": f"Bearer {key}"}}
        self.start()

    def run(self) -> None:
        try:
            with self._client, self._client.stream("POST", self.path, **self._asked) as answer:  # type: ignore[arg-type]
                self.status = answer.status_code
                self.lines.extend(line for line in answer.iter_lines() if line)
        except httpx.HTTPError:
            self.broken = True

    def has_begun(self) -> bool:
        return len(self.lines) > 8 or not self.is_alive()

    def end(self) -> str:
        """Return the last line, once it has come."""
        self.join(PATIENCE_S)
        assert (self.status, self.broken) == (200, False), self.path
        assert not self.is_alive()
        return self.lines[-1]


@contextmanager
def streams(server: Served, tokens: int, key: str = "none") -> Iterator[list[Stream]]:
    """Give a stream of each kind, all of them begun."""
    begun = [Stream(server, path, tokens, key) for path in ASKED]
    for one in begun:
        wait_for(one.has_begun, f"{one.path} has begun")
    yield begun


def refused(server: Served) -> httpx.Response | None:
    answer = server.http.post("/v1/chat/completions", json={"messages": STORY, "max_tokens": 1})
    return answer if answer.status_code == 503 else None


def error_in(line: str) -> str:
    """Return the message of an error, in whichever shape it is told."""
    told = json.loads(line.removeprefix("data: "))
    error = told.get("error", told)
    return str(error if isinstance(error, str) else error["message"])


def test_streams_in_flight_come_to_their_end_before_the_server_does(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}", slots=len(ASKED), drain_s=PATIENCE_S) as server:
        with streams(server, tokens=150) as begun:
            engine = server.engine_pid()
            server.process.terminate()
            answer = wait_for(lambda: refused(server), "new requests are refused")
            assert answer.headers["retry-after"]
            assert answer.json()["error"]["code"] == "server_unavailable"
            assert [one.path for one in begun if LAST[one.path] not in one.end()] == []
        assert server.process.wait(PATIENCE_S) == 0
        assert gone(engine)
        assert not server.home.runtime_file.exists()


def test_streams_that_take_too_long_are_told_so(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}", slots=len(ASKED), drain_s=0.1) as server:
        with streams(server, tokens=4000) as begun:
            engine = server.engine_pid()
            server.process.terminate()
            assert {error_in(one.end()).partition(";")[0] for one in begun} == {"the server is stopping"}
        assert server.process.wait(PATIENCE_S) == 0
        assert gone(engine)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    slots = len(ASKED) + 2
    with serving(tmp_path_factory.mktemp("locked"), model=f"file:{smollm2}", slots=slots) as server:
        yield server


def new_key(server: Served, name: str) -> str:
    secret: str = server.post("/keys", {"name": name})["secret"]
    return secret


def users(server: Served) -> int:
    answer = server.http.get("/fireside/v1/status", headers=server.owner)
    count: int = answer.json()["engines"][0]["users"]
    return count


def test_what_was_begun_with_a_key_ends_when_it_is_removed(locked: Served) -> None:
    lost, kept = new_key(locked, "lost"), new_key(locked, "kept")
    neighbour = Stream(locked, "/v1/chat/completions", 150, kept)
    with streams(locked, tokens=4000, key=lost) as begun:
        removed = locked.http.delete("/fireside/v1/keys/lost", headers=locked.owner)
        assert removed.status_code == 204
        assert {error_in(one.end()).partition(";")[0] for one in begun} == {
            "the key of this request was removed"
        }
    wait_for(lambda: users(locked) <= 1, "nothing but the neighbour's stream is generated")
    assert neighbour.end() == "data: [DONE]"
    again = locked.http.get("/fireside/v1/status", headers={"authorization": f"Bearer {lost}"})
    assert again.status_code == 401


def test_a_plain_answer_that_is_being_made_ends_too(locked: Served) -> None:
    lost = new_key(locked, "plain")
    body = {"messages": STORY, "max_tokens": 4000, "logit_bias": NO_END}
    answers: list[httpx.Response] = []
    header = {"authorization": f"Bearer {lost}"}

    def ask() -> None:
        answers.append(locked.http.post("/v1/chat/completions", json=body, headers=header))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    wait_for(lambda: users(locked) == 1, "it is in the engine")
    assert locked.http.delete("/fireside/v1/keys/plain", headers=locked.owner).status_code == 204
    asking.join(PATIENCE_S)
    assert [answer.status_code for answer in answers] == [401]
    wait_for(lambda: users(locked) == 0, "its slot is free")


def test_a_session_that_ends_takes_its_watching_along_but_not_the_reply(locked: Served) -> None:
    key = new_key(locked, "phone")
    with httpx.Client(base_url=locked.runtime.address, trust_env=False, timeout=PATIENCE_S) as phone:
        assert phone.post("/fireside/v1/sessions", json={"key": key}).status_code == 201
        chat = locked.new_conversation()
        reply = locked.begin(chat, "Write a long story.", sampling={"max_tokens": 150, "temperature": 0})
        with phone.stream("GET", f"/fireside/v1/replies/{reply}/events") as watching:
            lines = watching.iter_lines()
            next(line for line in lines if line == "event: text")
            cookie = {"cookie": f"fireside_session={phone.cookies['fireside_session']}"}
            signed_out = locked.http.delete("/fireside/v1/sessions/current", headers=cookie)
            assert signed_out.status_code == 204
            rest = [line for line in lines if line]
        assert rest[-2] == "event: failed"
        assert json.loads(rest[-1].removeprefix("data: "))["code"] == "invalid_api_key"
    answer = locked.http.get(f"/fireside/v1/replies/{reply}/events", headers=locked.owner)
    assert "event: finished" in answer.text
