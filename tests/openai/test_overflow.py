"""Requests longer than the window: refused with counts, or fitted when they ask for it, with a receipt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireside.messages import Receipt
from planted import FACTS, chatter
from serving import Served, serving

CHAT = "/v1/chat/completions"
FIT = {"fireside": {"overflow": "digest"}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """A real server whose conversations hold 768 tokens."""
    home = tmp_path_factory.mktemp("small")
    with serving(home, model=f"file:{smollm2}", context_length=768) as server:
        yield server


def long_chat() -> list[dict[str, str]]:
    messages = [{"role": "system", "content": "You are brief."}]
    for turn in range(30):
        said = FACTS[turn].told if turn < 6 else chatter(turn)
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": "That is so."}]
    return [*messages, {"role": "user", "content": "Where does my sister live?"}]


def asked(server: Served, **body: Any) -> Any:
    return server.http.post(CHAT, json={"messages": long_chat(), "max_tokens": 8, "temperature": 0, **body})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": long_chat()}),
        (CHAT, {"messages": long_chat(), "fireside": {"overflow": "refuse"}}),
        ("/v1/completions", {"prompt": "one two three " * 800}),
        ("/v1/responses", {"input": "one two three " * 800}),
    ],
)
def test_what_does_not_fit_is_refused_with_counts(small: Served, path: str, body: dict[str, Any]) -> None:
    answer = small.http.post(path, json={"model": "default", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "context_length_exceeded")
    assert "768" in error["message"]


def test_the_other_interfaces_refuse_with_counts_too(small: Served) -> None:
    long = [{"role": "user", "content": "one two three " * 800}]
    anthropic = small.http.post("/v1/messages", json={"model": "default", "max_tokens": 8, "messages": long})
    assert anthropic.status_code == 400
    assert "768" in anthropic.json()["error"]["message"]
    ollama = small.http.post("/api/chat", json={"model": "default", "messages": long, "stream": False})
    assert ollama.status_code == 400
    assert "768" in ollama.json()["error"]


def test_what_asks_for_it_is_fitted_and_told(small: Served) -> None:
    answer = asked(small, **FIT)
    assert answer.status_code == 200, answer.text
    receipt = answer.json()["fireside"]
    assert receipt["context_length"] == 768
    assert receipt["prompt_tokens"] == answer.json()["usage"]["prompt_tokens"] <= 760
    places = [int(place) for name in ("included", "digested") for place in receipt[name]]
    assert sorted(places) == list(range(62))
    assert {"0", "61"} <= set(receipt["included"]), "the system text and the question stay"
    assert "Lyon" in receipt["digest"] or "1" in receipt["recalled"]
    assert "given as a digest" in receipt["reason"]


def test_a_stream_tells_it_first(small: Served) -> None:
    answer = asked(small, stream=True, **FIT)
    first, *others = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    assert json.loads(first)["fireside"]["digested"]
    assert not any("fireside" in json.loads(chunk) for chunk in others)


def test_what_fits_is_left_as_it_is(small: Served) -> None:
    short = [{"role": "user", "content": "Hi"}]
    answer = asked(small, messages=short, **FIT)
    receipt = answer.json()["fireside"]
    assert (receipt["included"], receipt["digest"], receipt["reason"]) == (["0"], None, None)
    assert "fireside" not in asked(small, messages=short).json()


def test_a_question_that_alone_is_too_long_is_refused_even_so(small: Served) -> None:
    answer = asked(small, messages=[{"role": "user", "content": "one two three " * 800}], **FIT)
    assert answer.json()["error"]["code"] == "context_length_exceeded"


def test_an_unknown_wish_is_refused(small: Served) -> None:
    assert asked(small, fireside={"overflow": "forget"}).status_code == 400
    assert set(Receipt.__struct_fields__) >= {"digest", "recalled", "memories"}
