"""The real small model, kept as other programs keep it, is loaded by the real engine from where it lies."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest

from fireside.engines.llamacpp import start
from fireside.engines.protocol import Piece
from fireside.messages import Role, Sampling, said
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.models.sources import ollama as ollama_source
from fireside.settings import Settings
from made_homes import PROGRAMS, looks_like


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_model_of_another_program_answers_in_place(
    tmp_path: Path, smollm2: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama_source, "SYSTEM_WIDE", ())
    home = tmp_path / "home"
    home.mkdir()
    reference = PROGRAMS[program](home, smollm2)
    before = looks_like(home)
    settings = Settings(threads=1, prompt_threads=1, context_length=512)
    model = ModelFiles(Library(tmp_path / "models", {"HOME": str(home)}), settings).at_hand(reference)
    assert model is not None
    engine = await start(model, settings)
    try:
        system = said(Role.SYSTEM, "You are a helpful AI assistant.")
        asked = [system, said(Role.USER, "What is the capital of France?")]
        prompt = await engine.tokenize(await engine.render(asked), special=True)
        generated = engine.generate(prompt, Sampling(temperature=0.0), max_tokens=12)
        async with aclosing(generated) as steps:
            text = "".join([step.text async for step in steps if isinstance(step, Piece)])
        opened = Path(f"/proc/{engine.info.pid}/maps").read_text()
    finally:
        await engine.aclose()
    assert "Paris" in text
    assert str(home) in opened
    assert looks_like(home) == before
