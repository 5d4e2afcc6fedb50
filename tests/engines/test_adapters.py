"""LoRA adapters, with the real model in a real child process: they change what it says, and what is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fireside.aliases import Adapter
from fireside.engines.llamacpp import key_today, start
from fireside.engines.protocol import ModelFile, Piece
from fireside.errors import ModelDamaged
from fireside.messages import Role, Sampling, said
from fireside.settings import Settings
from made_lora import lora


def with_adapter(model: ModelFile, path: Path, scale: float = 1.0) -> ModelFile:
    return msgspec.structs.replace(model, adapters=(Adapter(path, scale, "made"),))


async def greedy(model: ModelFile, settings: Settings) -> tuple[int, ...]:
    engine = await start(model, settings)
    try:
        rendered = await engine.render([said(Role.USER, "Name the capital of France.")])
        prompt = await engine.tokenize(rendered, special=True)
        events = engine.generate(prompt, Sampling(temperature=0.0), max_tokens=8)
        return tuple([number async for event in events if isinstance(event, Piece) for number in event.ids])
    finally:
        await engine.aclose()


async def test_an_adapter_changes_the_words_and_none_of_it_changes_nothing(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(lora())
    plain = await greedy(model, settings)
    assert await greedy(with_adapter(model, path), settings) != plain
    assert await greedy(with_adapter(model, path, 0.0), settings) == plain


async def test_an_adapter_that_doesnt_fit_is_refused_and_said(
    model: ModelFile, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(lora({"general.architecture": "qwen2"}))
    with pytest.raises(ModelDamaged, match=r"(?i)lora"):
        await greedy(with_adapter(model, path), settings)


def test_states_of_one_adapter_are_not_those_of_another(model: ModelFile, settings: Settings) -> None:
    path = Path("x.gguf")
    files = (model, with_adapter(model, path), with_adapter(model, path, 0.5))
    assert len({key_today(file, settings) for file in files}) == 3
