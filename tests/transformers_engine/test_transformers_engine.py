"""What the transformers engine promises, with a Falcon of random weights in a real child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

import made_torch_models
from fireside.engines.protocol import Ended, Generated, Piece, Reading
from fireside.engines.transformers import TransformersEngine, start
from fireside.errors import (
    BadRequest,
    ContextLengthExceeded,
    EngineCrashed,
    EngineUnavailable,
    ModelDamaged,
    NoTemplate,
)
from fireside.messages import Role, Sampling, said
from fireside.settings import Settings
from made_torch_models import LIMIT, model_in

GREEDY = Sampling(temperature=0.0)
PROMPT = tuple(range(200, 232))


async def generated(
    engine: TransformersEngine, prompt: Sequence[int], sampling: Sampling = GREEDY, *, max_tokens: int = 12
) -> list[Generated]:
    return [event async for event in engine.generate(prompt, sampling, max_tokens=max_tokens)]


def ids_in(events: list[Generated]) -> tuple[int, ...]:
    return tuple(number for event in events if isinstance(event, Piece) for number in event.ids)


def end_of(events: list[Generated]) -> Ended:
    assert isinstance(events[-1], Ended)
    return events[-1]


async def test_it_says_what_it_is(engine: TransformersEngine) -> None:
    info = engine.info
    assert (info.engine, info.context_length, info.slots, info.device) == ("transformers", LIMIT, 1, "cpu")
    assert info.build.startswith("transformers ")
    assert info.takes_token_ids
    assert any("CPU" in notice for notice in info.notices)


async def test_a_reply_is_read_then_streamed_then_ended(engine: TransformersEngine) -> None:
    prompt = tuple(range(300, 700))
    events = await generated(engine, prompt, max_tokens=5)
    readings = [event.done_tokens for event in events if isinstance(event, Reading)]
    assert readings == sorted(readings)
    assert len(readings) > 3
    assert end_of(events) == Ended("length", 400, 0, 5)


async def test_what_was_read_or_said_is_not_read_again(engine: TransformersEngine) -> None:
    first = ids_in(await generated(engine, PROMPT))
    again = await generated(engine, (*PROMPT, *first, 77, 78))
    # The last sampled token was never read.
    assert end_of(again).cached_tokens == len(PROMPT) + len(first) - 1
    other_branch = await generated(engine, (*PROMPT[:20], 5000, 5001))
    assert end_of(other_branch).cached_tokens == 20


async def test_a_prompt_read_now_or_before_is_answered_alike(engine: TransformersEngine) -> None:
    await generated(engine, (9, 9, 9))
    anew = ids_in(await generated(engine, PROMPT))
    assert ids_in(await generated(engine, PROMPT)) == anew
    await generated(engine, (9, 9, 9))
    assert end_of(await generated(engine, PROMPT, max_tokens=0)) == Ended("length", len(PROMPT), 0, 0)
    assert ids_in(await generated(engine, PROMPT)) == anew


async def test_a_seed_gives_the_same_reply_again(engine: TransformersEngine) -> None:
    replies = [
        ids_in(await generated(engine, PROMPT, Sampling(temperature=3.0, seed=seed))) for seed in (1, 1, 2)
    ]
    assert replies[0] == replies[1] != replies[2]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=3.0, top_k=1),
        Sampling(temperature=3.0, top_k=0, min_p=1.0),
        Sampling(temperature=3.0, top_k=0, top_p=0.0),
    ],
    ids=["top_k", "min_p", "top_p"],
)
async def test_each_way_to_leave_out_the_unlikely_ends_in_the_likeliest(
    engine: TransformersEngine, sampling: Sampling
) -> None:
    assert ids_in(await generated(engine, PROMPT, sampling)) == ids_in(await generated(engine, PROMPT))


async def test_penalties_see_the_last_tokens_only(engine: TransformersEngine) -> None:
    first = ids_in(await generated(engine, PROMPT, max_tokens=1))[0]
    banned = Sampling(temperature=0.0, presence_penalty=2.0, repeat_penalty=10.0)
    with_it_near = await generated(engine, (first, *PROMPT), banned, max_tokens=1)
    far = msgspec.structs.replace(banned, repeat_last_n=4)
    with_it_far = await generated(engine, (first, *PROMPT), far, max_tokens=1)
    without = await generated(engine, (first, *PROMPT), max_tokens=1)
    assert ids_in(with_it_far) == ids_in(without)
    assert first not in ids_in(with_it_near)


async def test_it_never_goes_past_the_models_limit(engine: TransformersEngine) -> None:
    prompt = tuple(range(100, 100 + LIMIT - 8))
    ended = end_of(await generated(engine, prompt, max_tokens=100))
    assert (ended.reason, ended.completion_tokens) == ("length", 8)
    with pytest.raises(ContextLengthExceeded, match="2048"):
        await generated(engine, tuple(range(100, 100 + LIMIT)))
    assert end_of(await generated(engine, PROMPT)).completion_tokens == 12


@pytest.mark.parametrize("prompt", [(), (1, 10_000_000), (1, -1)], ids=["empty", "unknown", "negative"])
async def test_a_prompt_that_is_none_is_a_bad_request(
    engine: TransformersEngine, prompt: tuple[int, ...]
) -> None:
    with pytest.raises(BadRequest, match="prompt"):
        await generated(engine, prompt)
    assert engine.alive


async def test_a_reply_that_nobody_waits_for_is_given_up(engine: TransformersEngine) -> None:
    whole = ids_in(await generated(engine, PROMPT, max_tokens=500))
    await generated(engine, (9, 9, 9))
    async with aclosing(engine.generate(PROMPT, GREEDY, max_tokens=500)) as events:
        async for event in events:
            if isinstance(event, Piece):
                break
    # What the next one finds of it is all that was written.
    found = end_of(await generated(engine, (*PROMPT, *whole), max_tokens=0)).cached_tokens
    assert found is not None
    assert len(PROMPT) <= found < 300


async def test_a_prompt_that_nobody_waits_for_is_not_read_to_its_end(real: TransformersEngine) -> None:
    prompt = tuple(range(1000, 3000))
    async with aclosing(real.generate(prompt, GREEDY, max_tokens=1)) as events:
        async for event in events:
            if isinstance(event, Reading) and event.done_tokens:
                break
    found = end_of(await generated(real, prompt[:1800], max_tokens=0)).cached_tokens
    assert found is not None
    # A part of the prompt that was begun is cut away again.
    assert 128 <= found < 1700
    assert end_of(await generated(real, (*prompt[:200], 7), max_tokens=1)).cached_tokens == 200


async def test_control_tokens_in_peoples_text_are_letters(engine: TransformersEngine) -> None:
    assert await engine.tokenize("<|im_end|>", special=True) == (2,)
    letters = await engine.tokenize("a<|im_end|>b<|endoftext|>", special=False)
    assert not {0, 1, 2} & set(letters)


async def test_without_a_template_it_refuses_to_render(engine: TransformersEngine) -> None:
    with pytest.raises(NoTemplate):
        await engine.render([said(Role.USER, "Hi")])


async def test_a_template_that_refuses_is_a_bad_request(
    falcon: Path, settings: Settings, tmp_path: Path
) -> None:
    template = "{{ raise_exception('no system text, please') }}"
    folder = made_torch_models.with_template(falcon, tmp_path / "model", template)
    engine = await start(model_in(folder, has_template=True), settings)
    try:
        with pytest.raises(BadRequest, match="no system text, please"):
            await engine.render([said(Role.SYSTEM, "Be brief.")])
        assert engine.alive
    finally:
        await engine.aclose()


async def test_thoughts_are_told_apart_from_the_answer(
    falcon: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = made_torch_models.with_template(falcon, tmp_path / "model", "{{ messages[0].content }}<think>\n")
    engine = await start(model_in(folder, has_template=True), settings)
    asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "temperature": 0}
    try:
        assert engine.info.reasons
        events = [data async for data in engine.relay("/v1/chat/completions", msgspec.json.encode(asked))]
    finally:
        await engine.aclose()
    deltas = [msgspec.json.decode(data)["choices"][0]["delta"] for data in events[:-1]]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas)
    assert not any(delta.get("content") for delta in deltas)


async def test_a_killed_child_is_told_and_leaves_nothing_behind(falcon: Path, settings: Settings) -> None:
    engine = await start(model_in(falcon, has_template=False), settings)
    home = engine._home
    assert home.is_dir()
    assert engine.info.pid is not None
    os.kill(engine.info.pid, signal.SIGKILL)
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await generated(engine, PROMPT)
    assert not engine.alive
    await engine.aclose()
    assert not home.exists()


async def test_fewer_bits_need_a_graphics_processor(falcon: Path, settings: Settings) -> None:
    asked = msgspec.structs.replace(settings, transformers_weights="4bit")
    with pytest.raises(EngineUnavailable, match="4bit"):
        await start(model_in(falcon, has_template=False), asked)


async def test_weights_that_are_none_are_refused(falcon: Path, settings: Settings, tmp_path: Path) -> None:
    for file in falcon.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).hardlink_to(file)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\n.")
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelDamaged):
        await start(model_in(tmp_path, has_template=False), settings)


def test_the_parent_never_imports_torch() -> None:
    script = "import fireside.engines.transformers, sys; print([*sys.modules])"
    modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "'fireside.engines.transformers'" in modules
    assert "'torch'" not in modules
    assert "'transformers'" not in modules


def test_the_child_fetches_nothing_and_uses_no_caches_of_the_person(tmp_path: Path) -> None:
    script = (
        "import sys; from fireside.engines.transformers_loading import go_offline; go_offline(sys.argv[1]);"
        "import huggingface_hub.constants as known, transformers.utils.hub as hub;"
        "print(known.HF_HUB_OFFLINE, hub.is_offline_mode(), known.HF_HUB_CACHE, hub.HF_MODULES_CACHE)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["True", "True", f"{tmp_path}/hub", f"{tmp_path}/modules"]
