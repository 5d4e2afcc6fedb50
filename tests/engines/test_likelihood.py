"""How probable the real model finds the text that comes with Fireside."""

from __future__ import annotations

import os
import statistics
from contextlib import aclosing

import msgspec
import pytest

from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import ModelFile
from fireside.errors import EngineError
from fireside.likelihood import FIRST_JUDGED, TEXT_FILE, change, likelihood_of
from fireside.settings import Settings

CANDIDATES = 1_000


async def asked_alone(engine: LlamaCppEngine, before: tuple[int, ...], token: int) -> float | None:
    """Return how probable `token` is, as the engine tells it among its candidates for the next one."""
    asked = {"prompt": before, "n_predict": 1, "n_probs": CANDIDATES, "cache_prompt": True}
    async with aclosing(engine.relay("/completion", msgspec.json.encode(asked))) as data:
        answer = msgspec.json.decode(b"".join([piece async for piece in data]))
    candidates = answer["completion_probabilities"][0]["top_logprobs"]
    return next((one["logprob"] for one in candidates if one["id"] == token), None)


async def test_each_token_is_as_probable_as_when_it_is_asked_for_alone(engine: LlamaCppEngine) -> None:
    told: list[tuple[int, int]] = []
    found = await likelihood_of(engine, lambda done, total: told.append((done, total)))
    ids = await engine.tokenize(TEXT_FILE.read_text("utf-8"), special=False)
    assert len(found.logarithms) == len(ids) - FIRST_JUDGED > 600
    assert told[-1] == (len(found.logarithms), len(found.logarithms))
    differences = []
    for at in range(0, 400, 25):
        alone = await asked_alone(engine, ids[: FIRST_JUDGED + at], ids[FIRST_JUDGED + at])
        if alone is not None:
            differences.append(found.logarithms[at] - alone)
    # What is read at once is multiplied by other kernels than what is written, whose rounding differs.
    assert len(differences) > 10
    assert max(map(abs, differences)) < 0.3
    assert abs(statistics.fmean(differences)) < 0.05
    assert 5 < found.perplexity < 60


async def test_the_same_engine_finds_it_equally_probable_again(engine: LlamaCppEngine) -> None:
    first, second = await likelihood_of(engine), await likelihood_of(engine)
    assert change(first, second).mean == pytest.approx(0, abs=1e-4)
    assert change(first, second).perplexity_ratio == pytest.approx(1, abs=1e-4)


async def test_a_small_window_judges_what_fits(model: ModelFile, settings: Settings) -> None:
    engine = await start(msgspec.structs.replace(model, context_length=256), settings)
    try:
        assert len((await likelihood_of(engine)).logarithms) == 256 - 1 - FIRST_JUDGED
    finally:
        await engine.aclose()


async def test_a_cancelled_measurement_leaves_the_engine_usable(engine: LlamaCppEngine) -> None:
    class Enough(Exception):
        pass

    def enough(done: int, total: int) -> None:
        if done > 5:
            raise Enough

    with pytest.raises(Enough):
        await likelihood_of(engine, enough)
    assert await engine.tokenize("hello", special=False)


async def test_a_server_that_tells_nothing_is_said(
    model: ModelFile, settings: Settings, monkeypatch: pytest.MonkeyPatch, engine: LlamaCppEngine
) -> None:
    monkeypatch.setattr("fireside.likelihood._asked", lambda read, wanted: _without_probabilities(read))
    with pytest.raises(EngineError, match="doesn't tell how probable"):
        await likelihood_of(engine)


def _without_probabilities(read: tuple[int, ...]) -> bytes:
    return msgspec.json.encode({"prompt": read, "n_predict": 4, "stream": True})


@pytest.mark.skipif(not os.environ.get("FIRESIDE_TEST_LLAMA_SERVER"), reason="names a llama-server")
async def test_a_native_build_finds_it_as_probable(
    engine: LlamaCppEngine, model: ModelFile, settings: Settings
) -> None:
    named = os.environ["FIRESIDE_TEST_LLAMA_SERVER"]
    native = await start(model, msgspec.structs.replace(settings, llama_server=named))
    try:
        found = change(await likelihood_of(engine), await likelihood_of(native))
    finally:
        await native.aclose()
    assert abs(found.mean) < 0.02
    assert found.error < 0.01
