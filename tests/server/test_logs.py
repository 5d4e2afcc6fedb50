"""One line for each request, an id for each, and never anybody's words."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx
import pytest

from fireside.server.logs import JsonLines
from serving import serving

SECRET = "the heron sleeps at Waterloo"


def test_the_log_has_a_line_for_each_request_and_nobodys_words(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}", log_level="info") as server:
        chat = server.new_conversation(title=SECRET)
        record = server.ask(chat, f"Repeat: {SECRET}", sampling={"max_tokens": 8})
        server.http.get("/fireside/v1/conversations", params={"query": SECRET})
        server.http.get("/fireside/v1/personas/heron%20Waterloo")
        server.http.get("/fireside/v1/status", headers={"authorization": f"Bearer {SECRET}"})
        body = {"messages": [{"role": "user", "content": SECRET}], "max_tokens": 4, "heron": "Waterloo"}
        server.http.post("/v1/chat/completions", json=body)
        server.http.get("/health", headers={"x-request-id": "my-own.1"})
        server.end()
        assert server.process.stderr is not None
        text = server.process.stderr.read()
    lines = [json.loads(line) for line in text.splitlines()]
    asked = [line for line in lines if line["logger"] == "fireside.requests"]
    assert asked
    assert {"time", "level", "id", "method", "route", "status", "ms", "caller"} <= set(asked[0])
    posted = next(line for line in asked if line["route"].endswith("/messages"))
    assert posted["route"] == "/fireside/v1/conversations/{conversation_id}/messages"
    assert posted["caller"] == "this machine"
    assert next(line for line in asked if line["id"] == "my-own.1")["route"] == "/health"
    for words in ("heron", "Waterloo", server.runtime.token, chat, record["text"].strip()[:20]):
        assert words not in text


@pytest.mark.parametrize("given", ["a" * 65, "two words", "<script>", "", "é"])
async def test_an_id_that_could_do_harm_is_replaced(api: httpx.AsyncClient, given: str) -> None:
    answer = await api.get("/health", headers=[(b"x-request-id", given.encode())])
    assert len(answer.headers["x-request-id"]) == 16


async def test_every_answer_has_an_id_errors_too(api: httpx.AsyncClient) -> None:
    first = await api.get("/nowhere", headers={"x-request-id": "Ab-1_2.3"})
    assert first.headers.get_list("x-request-id") == ["Ab-1_2.3"]
    foreign = await api.get("/health", headers={"host": "evil.example"})
    assert foreign.headers["x-request-id"]


def test_of_an_exception_the_kind_and_the_place_are_written_but_not_its_words() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
        record = logging.LogRecord("here", logging.ERROR, __file__, 1, "it failed", (), trace)
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["message"], line["error"]) == ("error", "it failed", "ValueError")
    assert line["where"][0].startswith("test_logs.py:")
    assert "heron" not in json.dumps(line)
