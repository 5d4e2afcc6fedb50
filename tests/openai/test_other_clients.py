"""Programs that others wrote on top of the official client: LangChain, instructor, llm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import pydantic
import pytest

import openai
from serving import PATIENCE_S, Served


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str
    age: int


def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"It rains in {city}."


@pytest.mark.filterwarnings("ignore")
def test_langchain_chats_streams_calls_and_parses(served: Served) -> None:
    from langchain_openai import ChatOpenAI

    with httpx.Client(trust_env=False) as http:
        model = ChatOpenAI(
            base_url=f"{served.runtime.address}/v1",
            api_key=pydantic.SecretStr("none"),
            model="fireside",
            max_completion_tokens=100,
            temperature=0.0,
            http_client=http,
            http_async_client=httpx.AsyncClient(trust_env=False),
        )
        whole = model.invoke("Say hello.")
        assert whole.text
        assert whole.usage_metadata
        assert whole.usage_metadata["output_tokens"] > 0
        assert "".join(chunk.text for chunk in model.stream("Say hello.")) == whole.text
        called = model.bind_tools([weather], tool_choice="required").invoke("The weather in Rome?")
        assert [(call["name"], list(call["args"])) for call in called.tool_calls] == [("weather", ["city"])]
        parsed = model.with_structured_output(Person).invoke("Tom is 9.")
        assert isinstance(parsed, Person)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_instructor_gets_a_value(served: Served, mode: str) -> None:
    import instructor

    direct: Any = httpx.Client(trust_env=False)
    with openai.OpenAI(
        base_url=f"{served.runtime.address}/v1",
        api_key="none",
        max_retries=0,
        http_client=direct,
    ) as client:
        person = instructor.from_openai(client, mode=instructor.Mode[mode]).chat.completions.create(
            model="fireside",
            response_model=Person,
            messages=[{"role": "user", "content": "Tom is 9 years old."}],
            max_tokens=150,
            temperature=0.0,
        )
    assert isinstance(person, Person)


def test_llm_answers_on_the_command_line(served: Served, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: fireside\n  model_name: fireside\n  api_base: {served.runtime.address}/v1\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "llm", "-m", "fireside", "-o", "max_tokens", "8", "Say hello."]
    done = subprocess.run(
        command,
        env={**kept, "LLM_USER_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_reader_of_event_streams_reads_ours(served: Served) -> None:
    asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=asked) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = list(httpx_sse.EventSource(response).iter_sse())
    assert events[-1].data == "[DONE]"
    assert all(event.json()["object"] == "chat.completion.chunk" for event in events[:-1])
