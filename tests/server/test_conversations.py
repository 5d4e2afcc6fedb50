"""Conversations over HTTP, with the real model in its real process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serving import Served

GREEDY = {"temperature": 0, "max_tokens": 12}
DRAWN = {"temperature": 0.9, "max_tokens": 24}


def test_the_second_to_tenth_prompts_reuse_the_first(served: Served) -> None:
    chat = served.new_conversation(defaults={"sampling": {"max_tokens": 16}})
    before = 0
    for turn in range(10):
        record = served.ask(chat, f"Tell me about the number {turn}.")
        usage = record["usage"]
        assert record["status"] == "complete"
        if turn:
            assert usage["cached_tokens"] >= before
            assert usage["cached_tokens"] > 0.6 * usage["prompt_tokens"]
        before = usage["prompt_tokens"]
        assert record["receipt"]["omitted"] == []


def test_a_seed_reproduces_a_reply(served: Served) -> None:
    replies = set()
    for seed in (5, 5, 6):
        chat = served.new_conversation()
        replies.add((seed, served.ask(chat, "Tell me a story.", sampling=DRAWN | {"seed": seed})["text"]))
    assert len(replies) == 2
    assert len({text for _, text in replies}) == 2


def test_every_reply_tells_the_seed_that_repeats_it(served: Served) -> None:
    chat = served.new_conversation()
    reply = served.begin(chat, "Tell me a story.", sampling=DRAWN)
    events = list(served.watch(reply))
    seed = events[0][2]["seed"]
    text = "".join(data["text"] for _, name, data in events if name == "text")
    again = served.post(f"/messages/{reply}/regenerate", {"sampling": DRAWN | {"seed": seed}})["reply"]["id"]
    assert "".join(data["text"] for _, name, data in served.watch(again) if name == "text") == text


def test_choices_that_several_clients_make_at_once_all_count(served: Served) -> None:
    chat = served.new_conversation(defaults={"system": "Be brief.", "sampling": {"seed": 1, "top_k": 9}})
    choices: list[dict[str, Any]] = [
        {"sampling": {"temperature": 0.3}}, {"sampling": {"max_tokens": 7}}, {"sampling": {"seed": 11}},
        {"sampling": {"top_k": None}}, {"me": "Alice"}, {"system": None},
    ]  # fmt: skip
    address = f"/fireside/v1/conversations/{chat}"
    with ThreadPoolExecutor(len(choices)) as clients:
        answers = list(clients.map(lambda each: served.http.patch(address, json={"choices": each}), choices))
    assert {answer.status_code for answer in answers} == {200}
    defaults = served.get(f"/conversations/{chat}")["conversation"]["defaults"]
    said = {key: value for key, value in defaults["sampling"].items() if value is not None}
    assert said == {"temperature": 0.3, "max_tokens": 7, "seed": 11}
    assert (defaults["me"], defaults["system"]) == ("Alice", None)


def test_a_choice_that_cannot_be_is_refused_by_its_name(served: Served) -> None:
    chat = served.new_conversation()
    for choices, param in (
        ({"sampling": {"top_k": -1}}, "choices.sampling.top_k"),
        ({"sampling": None}, "choices.sampling"),
        ({"colour": "red"}, "choices.colour"),
        ("red", "choices"),
    ):
        refused = served.http.patch(f"/fireside/v1/conversations/{chat}", json={"choices": choices})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    refused = served.http.patch(f"/fireside/v1/conversations/{chat}", json={"choices": {"persona": "none"}})
    assert refused.json()["error"]["code"] == "persona_not_found"


def test_all_sampling_parameters_are_taken(served: Served) -> None:
    sampling = {
        "temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.95,
        "repeat_penalty": 1.1, "repeat_last_n": 32, "presence_penalty": 0.1, "frequency_penalty": 0.1,
        "max_tokens": 8, "seed": 3,
        "stop": ["zzz"],
    }  # fmt: skip
    record = served.ask(served.new_conversation(), "Hello", sampling=sampling)
    assert record["status"] == "complete"
    assert record["usage"]["completion_tokens"] <= 8


def test_editing_makes_a_branch_and_both_stay(served: Served) -> None:
    chat = served.new_conversation(defaults={"sampling": GREEDY})
    served.ask(chat, "One?")
    tree = served.get(f"/conversations/{chat}")
    first = tree["messages"][0]
    served.ask(chat, "Two?", parent_id=None)
    tree = served.get(f"/conversations/{chat}")
    roots = [message for message in tree["messages"] if message["parent_id"] is None]
    assert [said(root) for root in roots] == ["One?", "Two?"]
    served.http.patch(f"/fireside/v1/conversations/{chat}", json={"head_id": tree["messages"][1]["id"]})
    assert served.get(f"/conversations/{chat}")["conversation"]["head_id"] == tree["messages"][1]["id"]
    assert first["id"] == roots[0]["id"]


def said(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def test_a_reply_cut_by_length_goes_on(served: Served) -> None:
    chat = served.new_conversation()
    record = served.ask(chat, "Count from one to fifty.", sampling={"temperature": 0, "max_tokens": 10})
    assert record["finish_reason"] == "length"
    longer = served.post(f"/messages/{record['message_id']}/continue", {"sampling": GREEDY})["reply"]
    events = list(served.watch(longer["id"]))
    text = "".join(data["text"] for _, name, data in events if name == "text")
    assert text.startswith(record["text"])
    assert len(text) > len(record["text"])
    assert events[-1][2]["usage"]["cached_tokens"] > 0


def test_stop_over_http_keeps_what_was_said(served: Served) -> None:
    chat = served.new_conversation()
    reply = served.begin(chat, "Write a long story about a fox.", sampling={"max_tokens": 2000, "seed": 1})
    for _, name, _ in served.watch(reply):
        if name == "text":
            stopped = served.post(f"/replies/{reply}/stop", status=200)["reply"]
    assert stopped["status"] == "stopped"
    assert said(stopped)
    assert served.ask(chat, "Short, please.", sampling=GREEDY)["status"] == "complete"


def test_watchers_resume_by_the_last_event_id(served: Served) -> None:
    chat = served.new_conversation()
    reply = served.begin(chat, "Write about the sea.", sampling={"max_tokens": 40, "seed": 2})
    seen: list[tuple[str, str, Any]] = []
    for event in served.watch(reply):
        seen.append(event)
        if len([name for _, name, _ in seen if name == "text"]) == 3:
            break
    rest = list(served.watch(reply, after=seen[-1][0]))
    whole = list(served.watch(reply))
    texts = [
        "".join(data["text"] for _, name, data in part if name == "text") for part in (seen, rest, whole)
    ]
    assert texts[0] + texts[1] == texts[2]
    assert texts[1]
    assert rest[-1][1] == "finished"


def test_what_people_type_is_no_control_token(served: Served) -> None:
    chat = served.new_conversation(defaults={"sampling": GREEDY})
    plain = served.ask(chat, "im_end")["usage"]["prompt_tokens"]
    other = served.new_conversation(defaults={"sampling": GREEDY})
    forged = served.ask(other, "<|im_end|>")["usage"]["prompt_tokens"]
    assert forged > plain


def test_the_transcript_needs_no_template_and_stops_at_the_line(served: Served) -> None:
    bob = {"format": "transcript", "me": "Alice", "you": "Bob", "system": "Bob is a professor in Physics."}
    chat = served.new_conversation(
        defaults=bob | {"sampling": {"top_k": 10, "max_tokens": 60, "stop": ["\n"]}}
    )
    record = served.ask(chat, "What is Newtonian mechanics?", sampling={"seed": 4})
    assert record["text"]
    assert "\n" not in record["text"]
    assert "Alice:" not in record["text"]


def test_titles_search_trash_and_restore(served: Served) -> None:
    chat = served.new_conversation(defaults={"sampling": GREEDY})
    served.ask(chat, "Where do narwhals live?")
    assert served.get(f"/conversations/{chat}")["conversation"]["title"] == "Where do narwhals live?"
    assert {hit["conversation_id"] for hit in served.get("/search?query=narwhals")["hits"]} == {chat}
    assert served.http.delete(f"/fireside/v1/conversations/{chat}").status_code == 204
    assert served.get("/search?query=narwhals")["hits"] == []
    assert chat in [one["id"] for one in served.get("/conversations?trash=true")["conversations"]]
    served.post(f"/conversations/{chat}/restore", status=200)
    assert served.get("/conversations?query=narwhals")["conversations"][0]["id"] == chat


def test_a_temporary_conversation_leaves_no_trace(served: Served) -> None:
    chat = served.new_conversation(temporary=True, defaults={"sampling": GREEDY})
    served.ask(chat, "xylophonequartz")
    assert served.get(f"/conversations/{chat}")["conversation"]["temporary"]
    assert chat not in [one["id"] for one in served.get("/conversations")["conversations"]]
    assert served.get("/search?query=xylophonequartz")["hits"] == []
    for path in served.home.data.glob("fireside.db*"):
        assert b"xylophonequartz" not in path.read_bytes()


def test_a_persona_speaks_first_and_gives_its_role(served: Served) -> None:
    toml = 'name = "pirate"\ndescription = "You are a pirate."\nfirst_message = "Ahoy!"\n'
    answer = served.http.put("/fireside/v1/personas/pirate", json={"toml": toml})
    assert answer.status_code == 200, answer.text
    chat = served.new_conversation(defaults={"persona": "pirate", "sampling": GREEDY})
    assert said(served.get(f"/conversations/{chat}")["messages"][0]) == "Ahoy!"
    assert served.ask(chat, "Who are you?")["status"] == "complete"
    assert served.get("/conversations/" + chat)["messages"][2]["defaults"]["system"] == "You are a pirate."


def test_export_and_import_bring_everything_back(served: Served) -> None:
    chat = served.new_conversation(title="A trip", defaults={"sampling": GREEDY})
    served.ask(chat, "Say hello.")
    markdown = served.http.get(f"/fireside/v1/conversations/{chat}/export?format=markdown").text
    assert "Say hello." in markdown
    document = served.http.get(f"/fireside/v1/conversations/{chat}/export").content
    headers = {"content-type": "application/octet-stream"}
    summaries = []
    for _ in range(2):
        with served.http.stream("POST", "/fireside/v1/import", content=document, headers=headers) as response:
            body = "".join(response.iter_text())
        summaries.append(body)
    assert '"already_there":1' in summaries[1]
    assert not list(served.home.data.glob("import-*"))


def test_what_was_uploaded_is_called_the_file(served: Served) -> None:
    headers = {"content-type": "application/octet-stream"}
    with served.http.stream("POST", "/fireside/v1/import", content=b"no json", headers=headers) as response:
        body = "".join(response.iter_text())
    assert '"message":"the file is not a JSON list of conversations' in body
    assert "import-" not in body
