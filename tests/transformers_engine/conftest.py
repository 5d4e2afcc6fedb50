"""A real engine of transformers' kind, and models made for it. Without the libraries all is skipped."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import made_torch_models
from fireside.engines.transformers import TransformersEngine, start
from fireside.settings import Settings
from made_torch_models import model_in

MISSING = [
    name for name in ("torch", "transformers", "accelerate", "gguf") if not importlib.util.find_spec(name)
]


@pytest.fixture(scope="session", autouse=True)
def libraries() -> None:
    if MISSING:
        pytest.skip(
            f"{', '.join(MISSING)} not installed: pip install 'torch==2.13.0', then '.[transformers]'"
        )


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for a module: its engine is started once."""
    return "asyncio"


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(threads=1, prompt_threads=1)


@pytest.fixture(scope="session")
def made(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, libraries: None) -> Path:
    """Where made models lie: in pytest's cache, so that they are made once."""
    cache = pytestconfig.cache
    return Path(cache.mkdir("made_torch_models")) if cache else tmp_path_factory.mktemp("made_torch_models")


@pytest.fixture(scope="session")
def falcon(made: Path, smollm2: Path) -> Path:
    return made_torch_models.make("falcon", smollm2, made / "falcon")


@pytest.fixture(scope="session")
def falcon_with_template(falcon: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_torch_models.with_template(falcon, tmp_path_factory.mktemp("template") / "falcon-chat")


@pytest.fixture(scope="session")
def converted(made: Path, smollm2: Path) -> Path:
    """SmolLM2 as transformers has it."""
    return made_torch_models.make("smollm2", smollm2, made / "smollm2")


@pytest.fixture(scope="module")
async def engine(falcon: Path, settings: Settings, anyio_backend: str) -> AsyncIterator[TransformersEngine]:
    # In 16 bits several words are often equally likely, and "the likeliest" means nothing.
    exact = msgspec.structs.replace(settings, transformers_weights="float32")
    engine = await start(model_in(falcon, has_template=False), exact)
    yield engine
    await engine.aclose()


@pytest.fixture(scope="module")
async def real(converted: Path, settings: Settings, anyio_backend: str) -> AsyncIterator[TransformersEngine]:
    """SmolLM2 in this engine."""
    engine = await start(model_in(converted, has_template=True), settings)
    yield engine
    await engine.aclose()
