"""Several models at once, in real child processes: as many as the memory budget holds."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

import made_bert
import made_models
from fireside.engines.fit import need_of
from fireside.engines.leases import Engines
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.engines.room import budget_bytes
from fireside.errors import ConfigError, NotEnoughMemory
from fireside.settings import Home, Settings, load_settings
from scripted import ScriptedStart, a_model
from serving import gone

SLOTS = 1
SPARE_BYTES = 10**7
"""less than any model"""


@pytest.fixture
def embedder(tmp_path: Path) -> ModelFile:
    return made("bert", made_bert.bert(), tmp_path, context_length=made_bert.CONTEXT, pooling="mean")


@pytest.fixture
def gemma(tmp_path: Path) -> ModelFile:
    return made("gemma", made_models.sliding_window(), tmp_path)


@pytest.fixture
def mamba(tmp_path: Path) -> ModelFile:
    return made("mamba", made_models.recurrent(), tmp_path)


def made(name: str, data: bytes, folder: Path, **other: object) -> ModelFile:
    path = folder / f"{name}.gguf"
    path.write_bytes(data)
    known = {"context_length": 256, "has_template": False, **other}
    return ModelFile(f"file:{path}", path, name, **known)  # type: ignore[arg-type]


def bytes_of(*models: ModelFile) -> int:
    needs = [need_of(model, SLOTS) for model in models]
    return sum(need.total for need in needs if need)


def pool(budget: int | str) -> Engines:
    settings = Settings(threads=1, prompt_threads=1, slots=SLOTS, memory_budget=budget)
    return Engines(starter(), settings)


async def use(engines: Engines, *models: ModelFile) -> None:
    for model in models:
        async with engines.lease(model):
            pass


def loaded(engines: Engines) -> set[str]:
    return {Path(status.model).stem for status in engines.statuses()}


async def test_as_many_are_loaded_as_fit_and_the_one_that_would_leave_first_goes(
    model: ModelFile, embedder: ModelFile, gemma: ModelFile, mamba: ModelFile
) -> None:
    small = msgspec.structs.replace(model, reference="file:/small.gguf")
    engines = pool(bytes_of(small, embedder, gemma) + SPARE_BYTES)
    await use(engines, embedder, small, gemma)
    assert loaded(engines) == {"small", "bert", "gemma"}
    pids = {Path(status.model).stem: status.pid for status in engines.statuses()}
    await use(engines, mamba)
    assert loaded(engines) == {"small", "gemma", "mamba"}
    assert gone(pids["bert"] or 0)
    await engines.aclose()


async def test_a_model_that_is_kept_outstays_one_that_isnt(
    embedder: ModelFile, gemma: ModelFile, mamba: ModelFile
) -> None:
    engines = pool(bytes_of(embedder, gemma))
    await use(engines, embedder, gemma)
    engines.keep(embedder.reference, 1e9)
    await use(engines, mamba)
    assert loaded(engines) == {"bert", "mamba"}
    await engines.aclose()


async def test_a_model_in_use_is_never_unloaded_for_another(
    embedder: ModelFile, gemma: ModelFile, mamba: ModelFile
) -> None:
    engines = pool(bytes_of(embedder, gemma))
    async with AsyncExitStack() as used:
        await used.enter_async_context(engines.lease(embedder))
        async with engines.lease(gemma):
            waiting = asyncio.create_task(use(engines, mamba))
            await asyncio.sleep(0.2)
            assert loaded(engines) == {"bert", "gemma"}
        await waiting
        assert loaded(engines) == {"bert", "mamba"}
    await engines.aclose()


async def test_a_budget_that_holds_no_model_at_all_is_said(model: ModelFile) -> None:
    engines = pool(bytes_of(model) - 1)
    with pytest.raises(NotEnoughMemory, match="memory_budget") as refused:
        await use(engines, model)
    assert "memory_budget" in str(refused.value.hint)
    await engines.aclose()


async def test_two_that_are_loaded_at_once_dont_count_on_the_same_memory() -> None:
    """While one is being loaded, what it will take still seems to be available."""
    start = ScriptedStart(gate=asyncio.Event())
    asked: list[int] = []

    def fits(model: ModelFile, slots: int, reserved_bytes: int) -> bool:
        asked.append(reserved_bytes)
        return True

    engines = Engines(start, Settings(slots=SLOTS), fits=fits)
    one = msgspec.structs.replace(a_model("file:/one.gguf"), size_bytes=10**9, identity="one")
    other = msgspec.structs.replace(a_model("file:/other.gguf"), size_bytes=10**9, identity="other")
    both = [asyncio.create_task(use(engines, model)) for model in (one, other)]
    await start.loading.wait()
    await asyncio.sleep(0.05)
    assert start.gate
    start.gate.set()
    await asyncio.gather(*both)
    assert asked[-1] == bytes_of(one)
    await engines.aclose()


async def test_what_computes_elsewhere_takes_no_room(gemma: ModelFile) -> None:
    start = ScriptedStart()
    engines = Engines(start, Settings(slots=SLOTS, memory_budget=bytes_of(gemma)), fits=lambda *_: False)
    elsewhere = msgspec.structs.replace(a_model("remote:x"), engine="remote", identity="elsewhere")
    await use(engines, gemma, elsewhere, gemma)
    assert len(start.loads) == 2
    assert not any(engine.closed for engine in start.engines)
    await engines.aclose()


@pytest.mark.parametrize("written", ["auto", "60 %", "60%", "8 GB", "8.5GiB", "8000000000"])
def test_a_budget_is_written_in_several_ways(tmp_path: Path, written: str) -> None:
    settings = load_settings(Home(tmp_path, tmp_path), {"FIRESIDE_MEMORY_BUDGET": written})
    assert budget_bytes(settings.memory_budget, 10**10) == {
        "auto": None,
        "8 GB": 8 * 10**9,
        "8.5GiB": int(8.5 * 2**30),
        "8000000000": 8 * 10**9,
    }.get(written, 6 * 10**9)


@pytest.mark.parametrize("written", ["a lot", "-1", "8 XB", "", "%"])
def test_a_budget_that_means_nothing_is_refused(tmp_path: Path, written: str) -> None:
    home = Home(tmp_path, tmp_path)
    home.config_file.write_text(f'memory_budget = "{written}"\n')
    with pytest.raises(ConfigError, match="memory_budget"):
        load_settings(home, {})
