"""What is refused, by the name of its field, before an engine sees it; hostile requests kill nothing."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from scripted import ScriptedEngine
from serving import Served

HELLO = [{"role": "user", "content": "Say hello."}]
Scripted = tuple[httpx.AsyncClient, ScriptedEngine]


SCHEMA = "response_format.json_schema.schema"


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def groups(depth: int) -> dict[str, Any]:
    return {"type": "string", "pattern": "^" + "(" * depth + ")" * depth + "$"}


def formatted(schema: object) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


def tool(**function: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **function}}


def part(kind: str, **content: object) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": kind, **content}]}]
    }


CHAT_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"nonsense": 1}, "nonsense"),
    ({"grammar": 'root ::= "a"'}, "grammar"),
    ({"chat_template_kwargs": {"a": 1}}, "chat_template_kwargs"),
    ({"messages": []}, "messages"),
    ({"messages": HELLO * 5000}, "messages"),
    ({"messages": [{"role": "wizard", "content": "Hi"}]}, "messages[0].role"),
    (part("image_url", image_url={"url": "data:image/png;base64,AA=="}), "messages[0].content[1]"),
    (part("input_audio", input_audio={"data": "", "format": "wav"}), "messages[0].content[1]"),
    (part("file", file={"file_id": "x"}), "messages[0].content[1]"),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ({"modalities": ["audio"]}, "modalities[0]"),
    ({"n": 100_000}, "n"),
    ({"n": 0}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"temperature": -1}, "temperature"),
    ({"stop": ["x"] * 100}, "stop"),
    ({"stop": ""}, "stop"),
    ({"logit_bias": {"hello": 1}}, "logit_bias"),
    ({"logit_bias": {"1": 1000}}, "logit_bias[...]"),
    ({"logit_bias": {str(n): 1 for n in range(5000)}}, "logit_bias"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"reasoning_effort": "high"}, "reasoning_effort"),
    ({"tools": [tool()] * 200}, "tools"),
    ({"tools": [tool(name="no name!")]}, "tools[0].function.name"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
    ({"tools": [tool(parameters=nested(40))]}, "tools[0].function.parameters"),
    ({"tools": [tool()], "response_format": {"type": "json_object"}}, "response_format"),
    (formatted(None), SCHEMA),
    (formatted(nested(40)), SCHEMA),
    (formatted({"enum": list(range(3000))}), SCHEMA),
    (formatted({"const": "x" * 70_000}), SCHEMA),
    (formatted({"type": "banana"}), SCHEMA),
    (formatted({"$ref": "http://127.0.0.1:1/schema"}), SCHEMA),
    (formatted({"$ref": "#/$defs/none"}), SCHEMA),
    (formatted({"$ref": "#"}), SCHEMA),
    (
        formatted(
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}},
            }
        ),
        SCHEMA,
    ),
    (formatted({"type": "array", "minItems": 10**9}), SCHEMA),
    (
        formatted(groups(60_000)),
        SCHEMA,
    ),
    (
        formatted(groups(60)),
        SCHEMA,
    ),
    (formatted({"type": "string", "pattern": "^(?=a)b$"}), SCHEMA),
    (formatted({"type": "string", "pattern": "a+"}), SCHEMA),
    (formatted({"patternProperties": {"^a": {}}}), SCHEMA),
]


@pytest.mark.parametrize(("changes", "field"), CHAT_REFUSED, ids=lambda value: str(value)[:50])
async def test_a_chat_that_cannot_be_done_is_refused_by_name(
    scripted: Scripted, changes: dict[str, Any], field: str
) -> None:
    http, engine = scripted
    response = await http.post("/v1/chat/completions", json={"messages": HELLO, **changes})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == field
    assert engine.relayed == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": [["a"]]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": ["a"] * 17}, "prompt"),
        ({"prompt": ["a"] * 4, "n": 8}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"prompt": [1, 2], "echo": True}, "echo"),
        ({"grammar": "x"}, "grammar"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_completion_that_cannot_be_done_is_refused_by_name(
    scripted: Scripted, changes: dict[str, Any], field: str
) -> None:
    http, engine = scripted
    response = await http.post("/v1/completions", json={"prompt": "Once", **changes})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == field
    assert engine.relayed == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": ' + b"[" * 100_000,
        b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [], "temperature": NaN}',
        b'{"messages": [], "seed": ' + b"9" * 10_000 + b"}",
        b"[]",
        b"null",
        b"",
    ],
    ids=lambda body: str(body[:60]),
)
@pytest.mark.parametrize("path", ["chat/completions", "completions", "responses", "embeddings"])
async def test_what_is_no_sound_json_is_refused(scripted: Scripted, path: str, body: bytes) -> None:
    http, _ = scripted
    response = await http.post(f"/v1/{path}", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_hostile_schemas_leave_the_engine_alive(served: Served) -> None:
    asked: dict[str, Any] = {"messages": HELLO, "max_tokens": 2}
    assert served.http.post("/v1/chat/completions", json=asked).status_code == 200
    before = served.engine_pid()
    hostile = [
        formatted(groups(60_000)),
        formatted({"type": "string", "pattern": "^((((((((a{2000}){2000}){2000}){2000}){9}){9}){9}){9})$"}),
        formatted(nested(200)),
        formatted(nested(15)),
        formatted({"$ref": "#"}),
        formatted({"type": "array", "items": {"$ref": "#"}, "minItems": 2000}),
        {"grammar": "root ::= " + "(" * 60_000 + '"a"' + ")" * 60_000},
    ]
    for changes in hostile:
        response = served.http.post("/v1/chat/completions", json={**asked, **changes})
        assert response.status_code in (200, 400), response.text
    assert served.http.post("/v1/chat/completions", json=asked).status_code == 200
    assert served.engine_pid() == before


async def test_messages_are_no_prompt_for_a_model_without_a_template(scripted: Scripted) -> None:
    http, engine = scripted
    engine._info = msgspec.structs.replace(engine.info, has_template=False)
    told = await http.post("/v1/chat/completions", json={"messages": HELLO})
    assert (told.status_code, told.json()["error"]["code"]) == (400, "no_template")
    assert not engine.relayed


async def test_an_answer_that_does_not_fit_is_an_error(scripted: Scripted) -> None:
    http, _ = scripted  # it says "Hello there." whatever it is asked
    asked = {"messages": HELLO, **formatted({"type": "object"})}
    whole = await http.post("/v1/chat/completions", json=asked)
    assert (whole.status_code, whole.json()["error"]["code"]) == (422, "answer_invalid")
    stream = await http.post("/v1/chat/completions", json={**asked, "stream": True})
    assert '"code":"answer_invalid"' in stream.text
    assert "[DONE]" not in stream.text


async def test_a_call_that_was_required_and_is_not_there_is_an_error(scripted: Scripted) -> None:
    http, _ = scripted
    asked = {"messages": HELLO, "tools": [tool()], "tool_choice": "required"}
    response = await http.post("/v1/chat/completions", json=asked)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "answer_invalid")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "<a> " * 200_000}]}),
        ("completions", {"prompt": "<a> " * 200_000}),
        ("responses", {"input": "<a> " * 200_000}),
    ],
)
async def test_megabytes_are_refused_before_they_are_tokenised(
    scripted: Scripted, path: str, body: dict[str, Any]
) -> None:
    http, engine = scripted
    response = await http.post(f"/v1/{path}", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert engine.relayed == []
    assert engine.tokenized == []
