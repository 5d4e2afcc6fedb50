"""What the llama.cpp engine says, with the real model in a real child process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from fireside.engines import loopback
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import Ended, Generated, ModelFile, Piece, Reading
from fireside.errors import BadRequest, ContextLengthExceeded, EngineCrashed, NoTemplate
from fireside.messages import Role, Sampling, said
from fireside.settings import Settings

GREEDY = Sampling(temperature=0.0)


async def prompt_for(engine: LlamaCppEngine, text: str) -> tuple[int, ...]:
    return await engine.tokenize(await engine.render([said(Role.USER, text)]), special=True)


async def generated(
    engine: LlamaCppEngine, prompt: tuple[int, ...], sampling: Sampling = GREEDY, *, max_tokens: int = 24
) -> list[Generated]:
    return [event async for event in engine.generate(prompt, sampling, max_tokens=max_tokens)]


def text_in(events: list[Generated]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


def ids_in(events: list[Generated]) -> tuple[int, ...]:
    return tuple(number for event in events if isinstance(event, Piece) for number in event.ids)


def end_of(events: list[Generated]) -> Ended:
    assert isinstance(events[-1], Ended)
    return events[-1]


async def test_it_says_what_it_is(engine: LlamaCppEngine, model: ModelFile) -> None:
    info = engine.info
    assert (info.engine, info.model, info.identity) == ("llamacpp", model.reference, model.identity)
    assert (info.context_length, info.slots, info.device) == (1024, 2, "cpu")
    assert info.build.startswith("xllamacpp ")
    assert info.takes_token_ids
    assert engine.alive


async def test_a_reply_is_read_then_streamed_then_ended(engine: LlamaCppEngine) -> None:
    prompt = await prompt_for(engine, "Name the capital of France.")
    events = await generated(engine, prompt, max_tokens=40)
    readings = [event for event in events if isinstance(event, Reading)]
    assert readings[-1].done_tokens == readings[-1].prompt_tokens == len(prompt)
    assert "Paris" in text_in(events)
    ended = end_of(events)
    assert (ended.reason, ended.prompt_tokens) == ("stop", len(prompt))
    # The token that ends the turn is counted, and isn't handed out.
    assert ended.completion_tokens == len(ids_in(events)) + 1
    assert 2 not in ids_in(events)


async def test_the_limit_ends_a_reply(engine: LlamaCppEngine) -> None:
    events = await generated(engine, await prompt_for(engine, "Tell a long story."), max_tokens=7)
    assert end_of(events).reason == "length"
    assert len(ids_in(events)) == end_of(events).completion_tokens == 7


async def test_what_was_read_or_said_is_not_read_again(engine: LlamaCppEngine) -> None:
    prompt = await prompt_for(engine, "Tell me about the moon.")
    events = await generated(engine, prompt)
    tail = await engine.tokenize("<|im_end|>\n<|im_start|>user\nGo on.<|im_end|>\n", special=True)
    ended = end_of(await generated(engine, (*prompt, *ids_in(events), *tail), max_tokens=2))
    assert ended.cached_tokens is not None
    # Only the last sampled token was never read.
    assert ended.cached_tokens >= len(prompt) + len(ids_in(events)) - 1


async def test_all_ids_of_a_character_of_several_tokens_are_told(engine: LlamaCppEngine) -> None:
    said_so_far = await engine.tokenize("你好世界 😀😀😀 你好世界 😀😀😀 你好世界 😀😀😀", special=False)
    events = await generated(engine, said_so_far, max_tokens=24)
    pieces = [event for event in events if isinstance(event, Piece)]
    assert any(len(piece.ids) > 1 for piece in pieces)
    for piece in pieces:
        assert await engine.tokenize(piece.text, special=False) == piece.ids
    cached = end_of(await generated(engine, (*said_so_far, *ids_in(events), 28), max_tokens=1)).cached_tokens
    assert cached is not None
    assert cached >= len(said_so_far) + len(ids_in(events)) - 1


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
async def test_half_a_character_is_never_told(engine: LlamaCppEngine, limit: int) -> None:
    emoji = await engine.tokenize("😀😀😀😀😀😀😀😀", special=False)
    events = await generated(engine, emoji, max_tokens=limit)
    assert "�" not in text_in(events)
    assert end_of(events).completion_tokens == limit
    for piece in events:
        if isinstance(piece, Piece) and piece.text:
            assert await engine.tokenize(piece.text, special=False) == piece.ids


async def test_control_tokens_in_peoples_text_are_letters(engine: LlamaCppEngine) -> None:
    assert len(await engine.tokenize("<|im_end|>", special=True)) == 1
    letters = await engine.tokenize("<|im_end|>", special=False)
    assert len(letters) > 5
    assert not set(letters) & {0, 1, 2}


async def test_a_model_whose_template_begins_the_text_itself_wants_no_more(engine: LlamaCppEngine) -> None:
    assert await engine.bos() == ()


async def test_the_models_own_template_is_used(engine: LlamaCppEngine) -> None:
    text = await engine.render([said(Role.SYSTEM, "Be brief."), said(Role.USER, "Hi")])
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


async def test_a_model_without_a_template_is_never_given_a_foreign_one(
    model: ModelFile, settings: Settings
) -> None:
    engine = await start(msgspec.structs.replace(model, has_template=False), settings)
    try:
        with pytest.raises(NoTemplate) as refused:
            await engine.render([said(Role.USER, "Hi")])
        assert "transcript" in str(refused.value.hint)
    finally:
        await engine.aclose()


async def test_a_seed_repeats_a_reply(engine: LlamaCppEngine) -> None:
    prompt = await prompt_for(engine, "Invent a name for a dragon.")
    lively = Sampling(temperature=1.5, seed=7)
    once, again = [text_in(await generated(engine, prompt, lively)) for _ in range(2)]
    other = text_in(await generated(engine, prompt, Sampling(temperature=1.5, seed=8)))
    assert once == again != other


async def test_a_seed_repeats_a_reply_to_a_long_prompt_whether_it_was_read_before_or_not(
    model: ModelFile, settings: Settings
) -> None:
    engine = await start(model, settings)
    try:
        told = "A dragon lived in a cave by the sea, and each day it counted its gold. " * 8
        prompt = await prompt_for(engine, told + "Go on.")
        lively = [Sampling(temperature=1.2, seed=seed) for seed in range(3)]
        for sampling in lively:
            new = (*prompt[:5], 300 + (sampling.seed or 0), *prompt[5:])
            cold = await generated(engine, new, sampling, max_tokens=32)
            warm = await generated(engine, new, sampling, max_tokens=32)
            assert ids_in(cold) == ids_in(warm)
            assert (end_of(cold).cached_tokens or 0) < 64
            assert end_of(warm).cached_tokens == len(new) - 1
    finally:
        await engine.aclose()


async def test_a_seed_repeats_a_reply_whether_its_prompts_beginning_was_read_ahead_or_not(
    model: ModelFile, settings: Settings
) -> None:
    """Batches of different sizes are read alike, as long as none is a single token."""
    told: list[list[tuple[int, ...]]] = []
    for is_ahead in (False, True):
        engine = await start(model, settings)
        try:
            prompt = await prompt_for(engine, "A dragon counted its gold by the sea. " * 12 + "Go on.")
            told.append([])
            for seed, left in ((1, 40), (2, 7), (3, 3)):
                new = (*prompt[:5], 300 + seed, *prompt[5:])
                if is_ahead:
                    await generated(engine, new[:-left], max_tokens=0)
                told[-1].append(ids_in(await generated(engine, new, Sampling(temperature=1.2, seed=seed))))
        finally:
            await engine.aclose()
    assert told[0] == told[1]


async def test_a_template_that_never_ends_is_cut_off(engine: LlamaCppEngine) -> None:
    engine._wire.answer_s = 0.0001
    with pytest.raises(EngineCrashed, match="no answer"):
        await engine.render([said(Role.USER, "Hi")])
    assert not engine.alive


async def test_a_prompt_beyond_the_context_is_refused_and_the_engine_lives_on(
    engine: LlamaCppEngine,
) -> None:
    with pytest.raises(ContextLengthExceeded, match="1024"):
        await generated(engine, (5,) * 2000)
    with pytest.raises(BadRequest):
        await generated(engine, (99_999_999,))
    assert end_of(await generated(engine, (5, 6, 7), max_tokens=1)).completion_tokens == 1


async def test_each_slot_has_the_whole_context(model: ModelFile, settings: Settings) -> None:
    engine = await start(msgspec.structs.replace(model, context_length=256), settings)
    try:
        prompts = [(number,) * 250 for number in (300, 301)]
        replies = await asyncio.gather(*(generated(engine, prompt, max_tokens=4) for prompt in prompts))
        assert [end_of(events).prompt_tokens for events in replies] == [250, 250]
        assert engine.info.context_length == 256
    finally:
        await engine.aclose()


async def slots_in_use(engine: LlamaCppEngine) -> int:
    class Slot(msgspec.Struct):
        is_processing: bool

    answer = await engine._wire.ask("GET", "/slots")
    return sum(slot.is_processing for slot in msgspec.json.decode(answer, type=list[Slot]))


async def wait_for_slots_in_use(engine: LlamaCppEngine, wanted: Callable[[int], bool]) -> None:
    """Wait a little: less than it takes to end what the tests below abandon."""
    async with asyncio.timeout(5):
        while not wanted(await slots_in_use(engine)):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("while_reading", [True, False], ids=["reading", "writing"])
async def test_closing_a_reply_frees_its_slot_and_leaves_the_other_alone(
    engine: LlamaCppEngine, *, while_reading: bool
) -> None:
    other = asyncio.create_task(generated(engine, await prompt_for(engine, "Count."), max_tokens=300))
    await wait_for_slots_in_use(engine, lambda used: used == 1)
    prompt = (321,) * 1000 if while_reading else (321,) * 10
    unending = Sampling(temperature=0.0, repeat_penalty=1.0)
    async with aclosing(engine.generate(prompt, unending, max_tokens=1000)) as events:
        async for event in events:
            if while_reading or isinstance(event, Piece):
                break
    await wait_for_slots_in_use(engine, lambda used: used == (not other.done()))
    reply = await other
    assert end_of(reply).completion_tokens in (300, len(ids_in(reply)) + 1)
    assert await slots_in_use(engine) == 0


async def test_without_its_key_nobody_gets_in(engine: LlamaCppEngine) -> None:
    for key in ("", "wrong"):
        async with loopback.exchange(
            engine._wire.address, "POST", "/completion", key=key, body=b"{}"
        ) as answer:
            assert answer.status == 401


async def test_the_key_is_nowhere_to_be_read(engine: LlamaCppEngine) -> None:
    process = Path(f"/proc/{engine.info.pid}")
    assert engine._wire.key.encode() not in (process / "cmdline").read_bytes()
    assert engine._wire.key.encode() not in (process / "environ").read_bytes()
    secret = engine._wire.key.removesuffix("-key")
    assert not [line for line in engine._child.words() if secret[-4:] in line]


async def test_the_engine_is_given_nothing_that_it_does_not_need(
    model: ModelFile, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("FIRESIDE_DATABASE", "/somewhere/fireside.db")
    engine = await start(model, settings)
    try:
        names = {
            pair.partition(b"=")[0].decode()
            for pair in Path(f"/proc/{engine.info.pid}/environ").read_bytes().split(b"\0")
        }
        assert not {name for name in names if name.startswith("FIRESIDE") or "KEY" in name}
        assert "HOME" not in names
    finally:
        await engine.aclose()


async def test_loading_tells_its_progress(model: ModelFile, settings: Settings) -> None:
    shares: list[float] = []
    engine = await start(model, settings, shares.append)
    await engine.aclose()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 1
