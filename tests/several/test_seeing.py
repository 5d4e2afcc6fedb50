"""Pictures in a real server: the small model with made eyes sees them, whoever shows them."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from made_mmproj import TOKENS, mmproj
from made_pictures import BLUE, RED, gif, jpeg_header, png
from serving import Served, serving

WORDS = "What do you see here?"
GREEDY = {"sampling": {"temperature": 0.0, "max_tokens": 10}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("seeing")
    folder = home / "with-eyes"
    folder.mkdir()
    (folder / "model.gguf").symlink_to(smollm2)
    (folder / "mmproj-tiny.gguf").write_bytes(mmproj())
    blind = home / "blind"
    blind.mkdir()
    (blind / "model.gguf").symlink_to(smollm2)
    with serving(home, model=f"file:{folder / 'model.gguf'}", context_length=1024) as server:
        yield server


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def image(data: bytes, name: str = "cat.png") -> dict[str, str]:
    return {"type": "image", "name": name, "data": text64(data)}


def show(served: Served, conversation: str, *pictures: bytes, text: str = WORDS, **body: object) -> Any:
    """Return the record of the ended reply to pictures and words."""
    parts = [*map(image, pictures), {"type": "text", "text": text}]
    path = f"/conversations/{conversation}/messages"
    reply = served.post(path, {"parts": parts, **GREEDY, **body})["reply"]["id"]
    assert [name for _, name, _ in served.watch(reply)][-1] == "finished"
    return served.get(f"/messages/{reply}/record")


def test_a_conversation_is_shown_pictures_and_goes_on(served: Served) -> None:
    said = {}
    for name, pictures in {"none": (), "red": (png(RED),), "blue": (png(BLUE),)}.items():
        said[name] = show(served, served.new_conversation(), *pictures)
    assert len({record["text"] for record in said.values()}) == 3
    sizes = {name: record["usage"]["prompt_tokens"] for name, record in said.items()}
    assert sizes["red"] == sizes["blue"] >= sizes["none"] + TOKENS
    conversation = served.new_conversation()
    first = show(served, conversation, png(RED))
    second = show(served, conversation, text="And what else?")
    # The picture isn't looked at again: all of the first turn, but what was sampled last, was read.
    read = first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
    assert second["usage"]["cached_tokens"] >= first["usage"]["prompt_tokens"]
    assert second["usage"]["prompt_tokens"] > read
    assert second["receipt"]["prompt_tokens"] == second["usage"]["prompt_tokens"]


def test_what_was_shown_is_kept_found_and_exported(served: Served) -> None:
    conversation = served.new_conversation()
    show(served, conversation, png(RED), text="")
    tree = served.get(f"/conversations/{conversation}")
    assert tree["messages"][0]["parts"][0] == image(png(RED))
    assert tree["conversation"]["title"] == "cat.png"
    exported = served.http.get(f"/fireside/v1/conversations/{conversation}/export?format=markdown")
    assert "**cat.png**" in exported.text
    found = served.get("/conversations?query=cat.png")["conversations"]
    assert conversation in [one["id"] for one in found]


def test_a_model_that_doesnt_see_says_so_before_anything_is_stored(served: Served) -> None:
    blind = f"file:{served.home.config / 'blind' / 'model.gguf'}"
    conversation = served.new_conversation()
    body = {"parts": [image(png())], "model": blind}
    error = served.post(f"/conversations/{conversation}/messages", body, 400)["error"]
    assert error["code"] == "no_vision"
    assert "projector" in error["hint"]
    assert served.get(f"/conversations/{conversation}")["messages"] == []
    # A picture that was shown before is told by its name.
    first = show(served, conversation, png(RED))
    again = served.http.post(
        f"/fireside/v1/messages/{first['message_id']}/regenerate", json={"model": blind}, headers=served.owner
    )
    assert again.json()["error"]["code"] == "no_vision"
    later = served.post(
        f"/conversations/{conversation}/messages", {"text": "And?", "model": blind, **GREEDY}
    )["reply"]["id"]
    assert [name for _, name, _ in served.watch(later)][-1] == "finished"


def test_a_picture_leaves_the_window_and_the_chat_goes_on(served: Served) -> None:
    conversation = served.new_conversation()
    show(served, conversation, png(RED), text="My cat is called Minka and lives in Graz.")
    words = "Tell me more about the weather in the mountains, the sea and the woods. " * 10
    for turn in range(6):
        record = show(served, conversation, text=f"{turn}: {words}")
    first = served.get(f"/conversations/{conversation}")["messages"][0]["id"]
    receipt = served.get(f"/messages/{record['message_id']}/receipt")
    assert first not in receipt["included"]
    assert receipt["prompt_tokens"] < 1024


@pytest.mark.parametrize(
    "data",
    [
        png(told=(60_000, 60_000)),
        png(more=200_000_000),
        jpeg_header(16_000, 16_000),
        jpeg_header(8, 8).replace(b"\xff\xe0", b"\xff" * 2_000 + b"\xe0"),
        gif(0, 0),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"",
    ],
)
def test_what_is_no_picture_to_look_at_is_refused(served: Served, data: bytes) -> None:
    conversation = served.new_conversation()
    path = f"/conversations/{conversation}/messages"
    assert served.post(path, {"parts": [image(data)]}, 400)["error"]["code"] == "bad_picture"
    assert served.post(path, {"parts": [image(png())] * 17}, 400)["error"]["code"] == "bad_picture"
    body = {"parts": [{"type": "image", "name": "x", "data": "%%%"}]}
    assert served.post(path, body, 400)["error"]["code"] == "bad_picture"
    assert served.get(f"/conversations/{conversation}")["messages"] == []


def test_a_picture_that_breaks_while_it_is_decoded_fails_one_reply(served: Served) -> None:
    conversation = served.new_conversation()
    broken = png(RED)[:60] + bytes(40)
    parts = {"parts": [image(broken)], **GREEDY}
    reply = served.post(f"/conversations/{conversation}/messages", parts)["reply"]["id"]
    _, name, failed = list(served.watch(reply))[-1]
    assert (name, failed["code"]) == ("failed", "bad_picture")
    assert show(served, conversation, text="Never mind.")["text"]
    assert show(served, served.new_conversation(), png(RED))["text"]


def chat(served: Served, *content: dict[str, Any]) -> Any:
    asked = {"messages": [{"role": "user", "content": list(content)}], "temperature": 0, "max_tokens": 10}
    return served.http.post("/v1/chat/completions", json=asked)


def url(address: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": address}}


def test_other_programs_show_pictures(served: Served) -> None:
    text = {"type": "text", "text": WORDS}
    data = [f"data:image/png;base64,{text64(png(colour))}" for colour in (RED, BLUE)]
    openai = [chat(served, *shown, text).json() for shown in ([], [url(data[0])], [url(data[1])])]
    answers = [answer["choices"][0]["message"]["content"] for answer in openai]
    assert len(set(answers)) == 3
    assert openai[1]["usage"]["prompt_tokens"] == openai[0]["usage"]["prompt_tokens"] + TOKENS
    source = {"type": "base64", "media_type": "image/png", "data": text64(png(RED))}
    blocks = [{"type": "image", "source": source}, {"type": "text", "text": WORDS}]
    asked = {"model": "fireside", "max_tokens": 10, "messages": [{"role": "user", "content": blocks}]}
    anthropic = served.http.post("/v1/messages", json=asked | {"temperature": 0}).json()
    assert anthropic["content"][0]["text"].strip() == answers[1].strip()
    message = {"role": "user", "content": WORDS, "images": [text64(png(RED))]}
    options = {"temperature": 0, "num_predict": 10}
    ollama = served.http.post(
        "/api/chat", json={"model": "default", "messages": [message], "stream": False, "options": options}
    ).json()
    assert ollama["message"]["content"].strip() == answers[1].strip()
    seen = [{"type": "input_image", "image_url": data[0]}, {"type": "input_text", "text": WORDS}]
    response = served.http.post(
        "/v1/responses",
        json={"model": "fireside", "input": [{"role": "user", "content": seen}], "max_output_tokens": 10},
    )
    assert response.status_code == 200, response.text


def test_a_small_picture_that_unpacks_to_gigabytes_reaches_no_engine(served: Served) -> None:
    refused = chat(served, url(f"data:image/png;base64,{text64(png(more=200_000_000))}"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_picture")
    large = chat(served, url(f"data:image/png;base64,{text64(png(side=5_000))}"))
    assert large.status_code == 200, large.text


def conversations(served: Served) -> set[str]:
    return {one["id"] for one in served.get("/conversations")["conversations"]}


def test_a_picture_of_an_imported_conversation_is_looked_into_too(served: Served) -> None:
    asked = {}
    for name, picture in {"sound": png(RED), "bomb": png(more=200_000_000)}.items():
        conversation = served.new_conversation()
        show(served, conversation, png(RED))
        address = f"/fireside/v1/conversations/{conversation}"
        document = served.http.get(f"{address}/export").text.replace(text64(png(RED)), text64(picture))
        assert served.http.delete(f"{address}?forever=true", headers=served.owner).status_code == 204
        before = conversations(served)
        assert "imported" in served.http.post("/fireside/v1/import", content=document).text
        (copy,) = conversations(served) - before
        record = show(served, copy, text="And what else?")
        asked[name] = record["usage"]["prompt_tokens"]
    assert asked["bomb"] <= asked["sound"] - TOKENS


def test_no_address_is_ever_asked(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        there = f"http://127.0.0.1:{trap.getsockname()[1]}/cat.png"
        for address in (there, "file:///etc/passwd", "data:image/png," + there, "", "data:;base64"):
            refused = chat(served, url(address))
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_picture")
        source = {"type": "url", "url": there}
        blocks = [{"type": "image", "source": source}]
        asked = {"model": "fireside", "max_tokens": 5, "messages": [{"role": "user", "content": blocks}]}
        assert served.http.post("/v1/messages", json=asked).status_code == 400
        with pytest.raises(TimeoutError):
            trap.accept()


def test_only_a_model_that_sees_is_shown_pictures_of_other_programs(served: Served) -> None:
    blind = f"file:{served.home.config / 'blind' / 'model.gguf'}"
    path = "/fireside/v1/models/aliases/blind"
    assert served.http.put(path, json={"model": blind}, headers=served.owner).status_code == 200
    asked = {
        "model": "blind",
        "messages": [{"role": "user", "content": [url(f"data:image/png;base64,{text64(png())}")]}],
    }
    refused = served.http.post("/v1/chat/completions", json=asked)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "no_vision")
    seeing = served.http.put(
        path,
        json={"model": blind, "projector": str(served.home.config / "with-eyes" / "mmproj-tiny.gguf")},
        headers=served.owner,
    )
    assert seeing.json()["sees"]
    assert served.http.post("/v1/chat/completions", json=asked | {"max_tokens": 4}).status_code == 200
