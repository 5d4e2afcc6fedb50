"""Messages pinned, edited, deleted and restored over HTTP, by the real server with the real model."""

from __future__ import annotations

from typing import Any

from serving import Served, wait_for

BRIEF = {"temperature": 0, "max_tokens": 8}
LONG = {"temperature": 0.9, "seed": 1, "max_tokens": 2000}


def texts(served: Served, chat: str) -> list[str]:
    return [words(message) for message in served.get(f"/conversations/{chat}")["messages"]]


def words(message: Any) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def change(served: Served, method: str, path: str, body: object = None, status: int = 200) -> Any:
    answer = served.http.request(method, f"/fireside/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_deleted_message_is_gone_from_everything_that_is_shown_and_undo_brings_it_back(
    served: Served,
) -> None:
    chat = served.new_conversation(defaults={"sampling": BRIEF})
    first = served.ask(chat, "What is a xylophone?")
    served.ask(chat, "And a marimba?")
    before = served.get(f"/conversations/{chat}")
    question = before["messages"][2]["id"]
    after = change(served, "DELETE", f"/messages/{question}")
    assert (after["head_id"], after["messages_count"]) == (first["message_id"], 2)
    assert len(texts(served, chat)) == 2
    assert served.get("/search?query=marimba")["hits"] == []
    assert b"marimba" not in served.http.get(f"/fireside/v1/conversations/{chat}/export").content
    assert b"marimba" not in served.http.get("/fireside/v1/export").content
    assert served.get(f"/messages/{question}")["deleted_at"]
    back = change(served, "POST", f"/messages/{question}/restore")
    assert back["head_id"] == before["conversation"]["head_id"]
    assert served.get(f"/conversations/{chat}")["messages"] == before["messages"]
    assert len(served.get("/search?query=marimba")["hits"]) >= 1


def test_a_running_reply_is_stopped_when_what_it_answers_is_deleted(served: Served) -> None:
    chat = served.new_conversation()
    reply = served.begin(chat, "Tell me a very long story.", sampling=LONG)
    watched = served.watch(reply)
    wait_for(lambda: next(watched)[1] == "text", "the reply has begun")
    assert served.get(f"/conversations/{chat}")["conversation"]["running"] == [reply]
    listed = served.get("/conversations")["conversations"]
    assert {one["id"]: one["running"] for one in listed}[chat] == [reply]
    question = served.get(f"/conversations/{chat}")["messages"][0]["id"]
    after = change(served, "DELETE", f"/messages/{question}")
    assert (after["head_id"], after["running"]) == (None, [])
    ended = served.get(f"/messages/{reply}")
    assert ended["status"] == "stopped"
    assert words(ended)
    refused = change(served, "POST", f"/messages/{reply}/regenerate", {}, status=409)
    assert "trash" in refused["error"]["message"]
    change(served, "POST", f"/messages/{question}/restore")
    assert texts(served, chat)[1] == words(ended)


def test_a_person_edits_a_reply_and_the_model_goes_on_from_that(served: Served) -> None:
    chat = served.new_conversation(defaults={"sampling": BRIEF})
    record = served.ask(chat, "What is the code word?")
    edited = change(
        served, "POST", f"/messages/{record['message_id']}/edit", {"text": "The code word is walrus."}, 201
    )
    assert (edited["status"], edited["model"], edited["receipt"]) == ("complete", None, None)
    tree = served.get(f"/conversations/{chat}")
    assert tree["conversation"]["head_id"] == edited["id"]
    assert edited["parent_id"] == tree["messages"][0]["id"]
    following = served.ask(chat, "Say it again.")
    included = following["receipt"]["included"]
    assert edited["id"] in included
    assert record["message_id"] not in included
    assert set(included) <= {message["id"] for message in served.get(f"/conversations/{chat}")["messages"]}


def test_what_can_not_be_edited_says_so(served: Served) -> None:
    chat = served.new_conversation()
    reply = served.begin(chat, "Tell me a very long story.", sampling=LONG)
    running = change(served, "POST", f"/messages/{reply}/edit", {"text": "Mine."}, 409)
    assert "still runs" in running["error"]["message"]
    served.post(f"/replies/{reply}/stop", status=200)
    question = served.get(f"/conversations/{chat}")["messages"][0]["id"]
    assert (
        "parent_id"
        in change(served, "POST", f"/messages/{question}/edit", {"text": "x"}, 409)["error"]["hint"]
    )
    empty = change(served, "POST", f"/messages/{reply}/edit", {"text": " "}, 400)
    assert empty["error"]["code"] == "empty_message"
    unknown = change(served, "POST", f"/messages/{reply}/edit", {"text": "x", "model": "y"}, 400)
    assert unknown["error"]["param"] == "model"
    change(served, "POST", "/messages/none/edit", {"text": "x"}, 404)


def test_a_message_is_pinned_and_unpinned(served: Served) -> None:
    chat = served.new_conversation(defaults={"sampling": BRIEF})
    reply = served.ask(chat, "Hello?")["message_id"]
    assert change(served, "PATCH", f"/messages/{reply}", {"pinned": True})["pinned"]
    assert [one["pinned"] for one in served.get(f"/conversations/{chat}")["messages"]] == [False, True]
    assert change(served, "PATCH", f"/messages/{reply}", {})["pinned"]
    assert not change(served, "PATCH", f"/messages/{reply}", {"pinned": False})["pinned"]
    assert change(served, "PATCH", f"/messages/{reply}", {"pinned": "yes"}, 400)["error"]["param"] == "pinned"


def test_a_temporary_chat_has_its_own_trash(served: Served) -> None:
    chat = served.new_conversation(temporary=True, defaults={"sampling": BRIEF})
    served.ask(chat, "Hello?")
    question = served.get(f"/conversations/{chat}")["messages"][0]["id"]
    assert change(served, "DELETE", f"/messages/{question}")["head_id"] is None
    change(served, "DELETE", "/trash")
    assert change(served, "POST", f"/messages/{question}/restore")["messages_count"] == 2


def test_the_trash_is_emptied_at_once(served: Served) -> None:
    gone = [served.new_conversation(title=f"gone {number}") for number in range(3)]
    for chat in gone:
        served.http.delete(f"/fireside/v1/conversations/{chat}")
    stays = served.new_conversation()
    emptied = change(served, "DELETE", "/trash")
    assert emptied["conversations"] >= 3
    assert served.get("/conversations?trash=true")["conversations"] == []
    assert served.get(f"/conversations/{stays}")["messages"] == []
    assert change(served, "DELETE", "/trash") == {"conversations": 0, "messages": 0}
