"""What is typed and not sent, told to a real server with the real model."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import Served, processor_s, serving, until_rested
from visiting import Place, bearer

PAGE = "The old lighthouse keeper counted the ships that passed the rocks below his window. " * 12
SECRET = "Zanzibar has seventeen crocodiles"
QUESTION = "How many ships did he count on the third day of the storm?"
Serve = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def serve(tmp_path: Path, smollm2: Path) -> Serve:
    settings = {"model": f"file:{smollm2}", "slots": 1, "sampling_temperature": 0, "log_level": "debug"}
    return lambda **changes: serving(tmp_path, **(settings | changes))


def ask(served: Served, conversation: str, text: str) -> Any:
    return served.ask(conversation, text, sampling={"max_tokens": 8})


def head(served: Served, conversation: str) -> str | None:
    head_id: str | None = served.get(f"/conversations/{conversation}")["conversation"]["head_id"]
    return head_id


def type_(served: Served, conversation: str, text: str, parent: str | None = None) -> bool:
    """Tell what is typed; return whether it is read."""
    body = {"text": text, "parent_id": parent or head(served, conversation)}
    reads: bool = served.post(f"/conversations/{conversation}/typing", body, status=200)["reads"]
    return reads


def type_and_wait(served: Served, conversation: str, text: str) -> None:
    """Tell what is typed, and wait until the engine has read it."""
    pid = served.engine_pid()
    before_s = processor_s(pid)
    assert type_(served, conversation, text)
    until_rested(pid, before_s)


def test_nothing_but_the_last_token_is_read_of_what_was_typed_and_the_answer_is_the_same(
    serve: Serve,
) -> None:
    with serve() as served:
        told = []
        for typed in (False, True):
            conversation = served.new_conversation()
            ask(served, conversation, PAGE)
            if typed:
                for text in (f"{QUESTION[:20]} ", QUESTION):
                    type_and_wait(served, conversation, text)
            record = ask(served, conversation, QUESTION)
            told.append(record["text"])
            usage = record["usage"]
            assert (usage["cached_tokens"] == usage["prompt_tokens"] - 1) == typed
            assert record["receipt"]["prompt_tokens"] == usage["prompt_tokens"]
        assert told[0] == told[1] != ""


def test_it_is_read_while_a_conversation_comes_back_from_the_disk(serve: Serve) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        ask(served, conversation, PAGE)
        ask(served, served.new_conversation(), f"Read this. {PAGE}")
        type_and_wait(served, conversation, "How many ")
        warmth = served.get(f"/conversations/{conversation}")["conversation"]["warmth"]
        assert warmth["state"] == "warm"


def test_no_trace_is_left_of_what_was_not_sent(serve: Serve) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        ask(served, conversation, PAGE)
        tree = served.get(f"/conversations/{conversation}")["messages"]
        for text in (SECRET, "Something else"):
            type_and_wait(served, conversation, text)
        assert served.get(f"/conversations/{conversation}")["messages"] == tree
        assert served.get("/search?query=crocodiles")["hits"] == []
        served.end()
        said = "".join(served.process.communicate())
        kept = {path: path.read_bytes() for path in served.home.data.rglob("*") if path.is_file()}
    assert "fireside.requests" in said
    assert "/typing" in said
    assert "crocodile" not in said
    assert any(path.suffix == ".state" for path in kept)
    assert not [path for path, data in kept.items() if b"crocodile" in data]
    with serve() as served:
        # As tokens neither: what was saved is the conversation's, up to the next question.
        usage = ask(served, conversation, SECRET)["usage"]
        assert usage["prompt_tokens"] - usage["cached_tokens"] > len(SECRET.split())


def test_a_killed_server_leaves_nothing_of_it(serve: Serve) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        ask(served, conversation, PAGE)
        type_and_wait(served, conversation, SECRET)
        served.end(signal.SIGKILL)
        kept = [path.read_bytes() for path in served.home.data.rglob("*") if path.is_file()]
    assert not any(b"crocodile" in data for data in kept)


def test_somebody_else_is_answered_meanwhile_and_what_was_typed_is_read_later(serve: Serve) -> None:
    with serve(slots=2) as served:
        conversation, other = served.new_conversation(), served.new_conversation()
        ask(served, conversation, "Name a colour.")
        question = f"{PAGE * 5} How is that?"
        assert type_(served, conversation, question)
        assert ask(served, other, "Name a colour.")["finish_reason"] in ("stop", "length")
        pid = served.engine_pid()
        until_rested(pid, processor_s(pid))
        usage = ask(served, conversation, question)["usage"]
        assert usage["cached_tokens"] == usage["prompt_tokens"] - 1


def test_nothing_is_read_where_it_is_switched_off(serve: Serve) -> None:
    with serve(read_while_typing="false") as served:
        conversation = served.new_conversation()
        ask(served, conversation, PAGE)
        assert not type_(served, conversation, QUESTION)


async def test_what_cannot_be_told_is_refused(api: httpx.AsyncClient) -> None:
    chats = "/fireside/v1/conversations"
    made = (await api.post(chats, json={})).json()["id"]

    async def told(of: str, **body: Any) -> tuple[int, Any]:
        answer = await api.post(f"{chats}/{of}/typing", json=body)
        return answer.status_code, answer.json()

    assert await told(made, text="Hi", parent_id=None) == (200, {"reads": True})
    assert await told(made, text="", parent_id=None) == (200, {"reads": True})
    assert await told(made, text="Hi", parent_id="another") == (200, {"reads": False})
    assert (await told("none", text="Hi", parent_id=None))[0] == 404
    assert (await told(made, text="x" * 32_001, parent_id=None))[0] == 400
    assert (await told(made, text="Hi"))[0] == 400
    assert (await told(made, text="Hi", parent_id=None, model="other"))[0] == 400


async def test_only_who_may_chat_may_tell(place: Place) -> None:
    chat, models = await place.key("chat", "chat"), await place.key("models", "models")
    made = (await place.phone().post("/fireside/v1/conversations", json={}, headers=bearer(chat))).json()[
        "id"
    ]
    path, body = f"/fireside/v1/conversations/{made}/typing", {"text": "Hi", "parent_id": None}
    statuses = [
        (await place.phone().post(path, json=body, headers=headers)).status_code
        for headers in (bearer(chat), bearer(models), {})
    ]
    assert statuses == [200, 403, 401]
    foreign = await place.here.post(path, json=body, headers=bearer(chat) | {"origin": "http://evil.test"})
    assert foreign.status_code == 403


async def test_many_who_type_are_kept_within_bounds(place: Place) -> None:
    for number in range(80):
        made = (await place.here.post("/fireside/v1/conversations", json={})).json()["id"]
        for text in ("a", "ab", f"ab {number}"):
            body = {"text": text, "parent_id": None}
            told = await place.here.post(f"/fireside/v1/conversations/{made}/typing", json=body)
            assert told.status_code == 200
    assert len(place.app.reading_along._reading) <= 64
