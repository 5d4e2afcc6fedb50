"""The remote engine against a real server: llama.cpp's own."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fireside.engines.protocol import Piece
from fireside.engines.remote import RemoteEngine
from fireside.engines.remote_ids import spelled
from fireside.errors import BadRequest, ConfigError, ContextLengthExceeded, RemoteRefused
from fireside.messages import Sampling
from llama_server import CONTEXT_LENGTH, llama_server
from reaching import answered, end_of, notices_in, prompt_of, reached, text_in

QUESTION = "What is the capital of France?"


def asked_directly(url: str, path: str, **body: Any) -> Any:
    answer = httpx.post(
        f"{url}/v1{path}", json={"temperature": 0, "seed": 1, **body}, trust_env=False, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_answers_as_that_server_does_and_tells_its_counts(elsewhere: str) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    direct = asked_directly(elsewhere, "/chat/completions", messages=messages, max_tokens=16)
    async with reached(elsewhere) as engine:
        steps = await answered(engine, prompt_of(QUESTION))
    assert text_in(steps) == direct["choices"][0]["message"]["content"]
    end = end_of(steps)
    assert end.prompt_tokens == direct["usage"]["prompt_tokens"]
    assert end.completion_tokens == direct["usage"]["completion_tokens"]
    assert end.cached_tokens is not None
    assert notices_in(steps) == ["answered elsewhere, by office; tokens are estimated"]


async def test_what_it_is_was_found_out(elsewhere: str) -> None:
    async with reached(elsewhere, slots=3) as engine:
        info = engine.info
    assert (info.place, info.counts, info.takes_token_ids) == ("elsewhere", "estimated", False)
    assert (info.context_length, info.slots, info.build) == (CONTEXT_LENGTH, 3, "llamacpp")
    assert info.takes_tools
    assert info.has_template


async def test_a_transcript_goes_on_as_a_text(elsewhere: str) -> None:
    text = "Alice: What is the capital of France?\nBob: The capital of France is"
    direct = asked_directly(elsewhere, "/completions", prompt=text, max_tokens=4)
    async with reached(elsewhere) as engine:
        steps = await answered(engine, spelled(text), max_tokens=4)
    assert text_in(steps) == direct["choices"][0]["text"]
    assert end_of(steps).reason == direct["choices"][0]["finish_reason"]


async def test_an_answer_that_has_begun_goes_on(elsewhere: str) -> None:
    async with reached(elsewhere) as engine:
        whole = text_in(await answered(engine, prompt_of("Count to ten."), max_tokens=24))
        words = whole.index(" ", 12)
        begun, rest = whole[:words], whole[words:]
        said = text_in(await answered(engine, prompt_of("Count to ten.", begun=begun), max_tokens=24))
    assert said
    assert not said.startswith(begun)
    assert said[:4] == rest[:4]


async def test_eight_are_answered_at_once(elsewhere: str) -> None:
    async with reached(elsewhere) as engine:
        asking = [answered(engine, prompt_of(f"Say {number}."), max_tokens=8) for number in range(8)]
        everything = await asyncio.gather(*asking)
    assert all(text_in(steps) for steps in everything)


async def test_leaving_frees_the_slot_there(elsewhere: str) -> None:
    async with reached(elsewhere) as engine:
        prompt = prompt_of("Write a very long story about the sea.")
        async with aclosing(engine.generate(prompt, Sampling(seed=1), max_tokens=900)) as steps:
            async for step in steps:
                if isinstance(step, Piece):
                    break
            assert busy(elsewhere) == 1
        end = time.monotonic() + 2
        while busy(elsewhere) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert busy(elsewhere) == 0


def busy(url: str) -> int:
    slots = httpx.get(f"{url}/slots", trust_env=False).json()
    return sum(slot["is_processing"] for slot in slots)


async def test_tokens_of_a_request_are_counted_by_its_own_tokenizer(elsewhere: str) -> None:
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    direct = asked_directly(elsewhere, "/chat/completions", **body, max_tokens=1)
    async with (
        reached(elsewhere) as engine,
        aclosing(engine.relay("/v1/chat/completions/input_tokens", msgspec.json.encode(body))) as answers,
    ):
        counted = [msgspec.json.decode(data) async for data in answers]
    assert counted == [{"input_tokens": direct["usage"]["prompt_tokens"]}]


async def test_a_tokenizer_that_makes_more_tokens_than_estimated_gets_a_smaller_window(
    elsewhere: str,
) -> None:
    """SmolLM2 has no words of Chinese: about three tokens stand for two characters."""
    async with reached(elsewhere) as engine:
        await answered(engine, prompt_of("Tell me about the sea. " * 40), max_tokens=1)
        assert engine.info.context_length == CONTEXT_LENGTH
        prompt = prompt_of("您的对话保存在本机，不会有任何统计。" * 15)
        end = end_of(await answered(engine, prompt, max_tokens=1))
        assert end.prompt_tokens > len(prompt)
        assert engine.info.context_length == CONTEXT_LENGTH * len(prompt) // end.prompt_tokens


async def test_a_prompt_that_its_window_cannot_hold_is_refused_with_a_hint(elsewhere: str) -> None:
    async with reached(elsewhere) as engine:
        with pytest.raises(ContextLengthExceeded) as caught:
            await answered(engine, prompt_of("word " * 2 * CONTEXT_LENGTH))
    assert "context_length" in str(caught.value.hint)


async def test_a_key_is_sent_and_a_wrong_one_is_told(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with llama_server(smollm2, slots=1, key="the-right-key") as url:
        monkeypatch.setenv("OFFICE_KEY", "the-right-key")
        async with reached(url, key_env="OFFICE_KEY") as engine:
            assert text_in(await answered(engine, prompt_of(QUESTION), max_tokens=4))
        monkeypatch.setenv("OFFICE_KEY", "another-key")
        with pytest.raises(RemoteRefused) as caught:
            async with reached(url, key_env="OFFICE_KEY"):
                pass
    assert "another-key" not in f"{caught.value} {caught.value.hint}"
    assert "key_env" in str(caught.value.hint)


async def test_a_key_that_is_missing_is_told_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFFICE_KEY", raising=False)
    with pytest.raises(ConfigError, match="OFFICE_KEY"):
        async with reached("http://127.0.0.1:9", key_env="OFFICE_KEY"):
            pass


async def test_a_model_that_is_not_there_is_told_with_those_that_are(elsewhere: str) -> None:
    with pytest.raises(RemoteRefused, match="no model 'large'") as caught:
        async with reached(elsewhere, model="office/large"):
            pass
    assert "small" in str(caught.value.hint)


async def test_a_request_that_it_refuses_is_a_bad_one(elsewhere: str) -> None:
    async with reached(elsewhere) as engine:
        with pytest.raises(BadRequest, match="office"):
            await relayed(engine, "/v1/chat/completions", {"messages": "no messages", "stream": True})


async def relayed(engine: RemoteEngine, path: str, body: Any) -> list[Any]:
    async with aclosing(engine.relay(path, msgspec.json.encode(body))) as answers:
        return [msgspec.json.decode(data) async for data in answers]
