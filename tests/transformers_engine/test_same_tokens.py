"""The real small model says the same through transformers as through llama.cpp.

Both are given the same weights, unpacked into 32 bits. With the weights as they are shipped (Q4_1) llama.cpp
rounds what it multiplies them with to 8 bits, and transformers rounds to bfloat16: then the likeliest of two
nearly equal words may be another one (docs/decisions/0017-transformers-engine.md has the numbers).
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import made_torch_models
from fireside.engines import llamacpp, transformers
from fireside.engines.protocol import Engine, ModelFile, Piece
from fireside.messages import Role, Sampling, said
from fireside.settings import Settings
from made_torch_models import LIMIT, model_in

QUESTIONS = ("Name the capital of France.", "Why is the sky blue?", "Write a short poem about the sea.")
FIRST = 16


@pytest.fixture(scope="session")
def unquantised(made: Path, smollm2: Path) -> Path:
    return made_torch_models.make("unquantised", smollm2, made / "smollm2-f32.gguf")


async def answered(engine: Engine) -> list[tuple[tuple[int, ...], list[int]]]:
    """Return the ids of each question's prompt and of the answer's beginning; the engine is ended."""
    found = []
    try:
        for question in QUESTIONS:
            prompt = await engine.tokenize(await engine.render([said(Role.USER, question)]), special=True)
            ids: list[int] = []
            async for event in engine.generate(prompt, Sampling(temperature=0.0), max_tokens=FIRST):
                ids += event.ids if isinstance(event, Piece) else ()
            found.append((prompt, ids))
    finally:
        await engine.aclose()
    return found


async def test_the_first_sixteen_tokens_of_three_answers_are_the_same(
    converted: Path, unquantised: Path, settings: Settings
) -> None:
    exact = msgspec.structs.replace(settings, transformers_weights="float32")
    here = await answered(await transformers.start(model_in(converted, has_template=True), exact))
    gguf = ModelFile("file:f32", unquantised, "f32", context_length=LIMIT, has_template=True)
    there = await answered(await llamacpp.start(gguf, settings))
    assert here == there
    assert len(here[1][1]) == FIRST
