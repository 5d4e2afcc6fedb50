"""A model whose template knows functions: it is told of them its own way, and required calls are enforced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retemplated import retemplated
from serving import Served, serving

TEMPLATE = (
    "{% if tools %}<|im_start|>system\n<tools>{{ tools|tojson }}</tools><|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls %}<tool_call>{{ c.function|tojson }}</tool_call>{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def with_tools(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """The small model with a template of the same length that knows functions."""
    path = retemplated(smollm2, TEMPLATE, tmp_path_factory.mktemp("model") / "tools.gguf")
    with serving(tmp_path_factory.mktemp("tools"), model=f"file:{path}") as server:
        yield server


def ask(server: Served, **changes: Any) -> Any:
    asked = {
        "messages": [{"role": "user", "content": "The weather in Rome?"}],
        "tools": [WEATHER],
        "max_tokens": 120,
        "temperature": 0,
    }
    return server.http.post("/v1/chat/completions", json={**asked, **changes})


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_required_call_is_made(with_tools: Served, choice: Any) -> None:
    response = ask(with_tools, tool_choice=choice)
    assert response.status_code == 200, response.text
    (choice,) = response.json()["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}
    assert choice["finish_reason"] == "tool_calls"


def test_a_model_may_choose_to_answer_in_words(with_tools: Served) -> None:
    free = ask(with_tools, tool_choice="auto").json()
    unaware = ask(with_tools, tool_choice="none").json()
    assert free["choices"][0]["finish_reason"] in ("stop", "length", "tool_calls")
    assert free["usage"]["prompt_tokens"] > unaware["usage"]["prompt_tokens"] + 20
