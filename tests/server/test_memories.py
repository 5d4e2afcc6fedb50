"""Memories over HTTP: kept, changed, forgotten, given only when they are switched on, and told."""

from __future__ import annotations

import httpx
import pytest

from serving import Served

MEMORIES = "/fireside/v1/memories"


async def test_memories_are_kept_changed_and_forgotten(api: httpx.AsyncClient) -> None:
    kept = (await api.post(MEMORIES, json={"text": "  I like tea. "})).json()
    assert kept["text"] == "I like tea."
    changed = (await api.patch(f"{MEMORIES}/{kept['id']}", json={"text": "I like coffee."})).json()
    assert changed["id"] == kept["id"]
    assert (await api.get(MEMORIES)).json() == {"on": False, "memories": [changed]}
    assert (await api.delete(f"{MEMORIES}/{kept['id']}")).status_code == 204
    assert (await api.get(MEMORIES)).json()["memories"] == []


async def test_they_are_switched_on_and_off(api: httpx.AsyncClient) -> None:
    assert (await api.patch(MEMORIES, json={"on": True})).json()["on"] is True
    assert (await api.patch(MEMORIES, json={"on": False})).json()["on"] is False
    assert (await api.get(MEMORIES)).json()["on"] is False


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", {"text": " "}, 400, "empty_message"),
        ("POST", "", {"text": "x" * 1001}, 400, "invalid_request"),
        ("POST", "", {"text": "x", "colour": 1}, 400, "invalid_request"),
        ("PATCH", "", {"on": "yes"}, 400, "invalid_request"),
        ("PATCH", "/none", {"text": "x"}, 404, "memory_not_found"),
        ("DELETE", "/none", None, 404, "memory_not_found"),
    ],
)
async def test_what_cannot_be_done_is_said(
    api: httpx.AsyncClient, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = await api.request(method, f"{MEMORIES}{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_new_conversation_is_given_what_applies_and_tells_it(served: Served) -> None:
    kept = served.post("/memories", {"text": "My dog is called Biscuit."})["id"]
    short = {"sampling": {"max_tokens": 8, "temperature": 0}}
    assert (
        served.ask(served.new_conversation(), "What is my dog called?", **short)["receipt"]["memories"] == []
    )
    served.http.patch(MEMORIES, json={"on": True})
    told = served.ask(served.new_conversation(), "What is my dog called?", **short)
    assert told["receipt"]["memories"] == [kept]
    hidden = served.new_conversation(temporary=True)
    assert served.ask(hidden, "What is my dog called?", **short)["receipt"]["memories"] == []
    served.http.patch(MEMORIES, json={"on": False})
