"""What is remembered of a machine, what real runs change of it, and who goes first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import made_folder
from fireside import probing
from fireside.app import App
from fireside.engines import machine
from fireside.engines.leases import Engines
from fireside.engines.protocol import ModelFile
from fireside.errors import TooBusy
from fireside.fitting import Remembered, key_of_machine
from fireside.models.fit import Rate, usual_machine
from fireside.models.repository import CONTEXT_BYTES
from fireside.settings import Home, Settings
from fireside.warmth import Held
from hub_server import Repo, TestHub, hub_server
from scripted import ScriptedEngine, ScriptedStart, a_model
from tiny_hub import LARGE, SMALL


@pytest.fixture
async def app(tmp_path: Path, smollm2: Path) -> AsyncIterator[App]:
    settings = Settings(model=f"file:{smollm2}", threads=1, prompt_threads=1)
    app = App.open(settings, Home(tmp_path, tmp_path), Engines(ScriptedStart(), settings))
    yield app
    await app.aclose()


@pytest.fixture
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "FORMATS", ("Q8_0",))
    monkeypatch.setattr(probing, "TRIES", 1)


def small(app: App) -> ModelFile:
    file = app.files.at_hand(app.settings.model)
    assert file is not None
    return file


@pytest.mark.usefixtures("one_format")
async def test_the_machine_is_measured_once_by_the_real_engine_and_remembered(app: App) -> None:
    card = app.library.card(app.settings.model)
    assert app.fitting.predictor()(card).basis == "estimated"
    shares: list[float] = []
    await app.fitting.measure(shares.append)
    found = app.fitting.machine()
    assert found.rates["Q8_0"].writing > 1e7
    assert found.rates["Q8_0"].reading > 1e7
    assert found.bandwidth_bytes_per_s > 1e7
    assert shares == sorted(shares)
    assert app.fitting.predictor()(card).basis == "measured"  # the model itself was timed as well
    assert app.home.machine_file.stat().st_mode & 0o077 == 0
    again = App.open(app.settings, app.home, Engines(ScriptedStart(), app.settings))
    try:
        assert again.fitting.is_measured
        assert again.fitting.machine().rates == found.rates
    finally:
        await again.aclose()


async def test_another_number_of_threads_is_another_machine(app: App) -> None:
    app.home.machine_file.write_bytes(b'{"key": "another", "machine": {}}')
    assert not app.fitting.is_measured
    app.home.machine_file.write_bytes(b"\x00 nonsense")
    assert not app.fitting.is_measured
    assert app.fitting.machine().basis == "estimated"


async def test_measuring_gives_way_to_whoever_talks(app: App) -> None:
    async with app.engines.lease(a_model()):
        with pytest.raises(TooBusy):
            await app.fitting.measure()
    work = asyncio.create_task(app.fitting.measure())
    await asyncio.sleep(0.05)
    async with app.engines.lease(a_model()):
        with pytest.raises(TooBusy):
            await work
    assert not app.fitting.is_measured


async def test_a_reply_makes_the_prediction_a_measurement(app: App) -> None:
    identity = small(app).identity
    card = app.library.card(app.settings.model)
    app.speeds.measured(identity, unread=200, seconds=2.0, load_ms=800)
    app.speeds.replied(identity, tokens=40, seconds=2.0, before=492)
    found = app.fitting.predictor()(card)
    assert found.basis == "measured"
    assert found.reply_tokens_per_s == pytest.approx(20.0)
    assert found.prompt_tokens_per_s == pytest.approx(100.0)
    assert found.load_s == pytest.approx(0.8)


async def test_a_reply_to_a_long_conversation_is_told_as_one_in_a_usual_one(app: App) -> None:
    app.speeds.replied(small(app).identity, tokens=40, seconds=2.0, before=6000)
    found = app.fitting.predictor()(app.library.card(app.settings.model))
    assert (found.reply_tokens_per_s or 0) > 25


async def test_few_tokens_say_nothing(app: App) -> None:
    identity = small(app).identity
    app.speeds.replied(identity, tokens=3, seconds=9.0, before=10)
    assert app.speeds.of(identity).reply_tokens_per_s is None


async def test_corrections_stay_within_bounds(app: App, tmp_path: Path) -> None:
    """A model that ran while the machine was busy must not make all others seem impossible."""
    from fireside.fitting import _mean

    assert _mean([(0.001, 1.0), (0.001, 1.0)]) == Rate(0.5, 1.0)
    assert _mean([(100.0, 4.0), (1.0, 1.0)]) == Rate(2.0, 2.0)
    assert usual_machine(2, None).corrections == {}


async def test_the_memory_of_a_model_that_ran_is_what_it_took(app: App) -> None:
    card = app.library.card(app.settings.model)
    reckoned = app.fitting.predictor(2048)(card).memory_bytes
    app.speeds.held(small(app).identity, Held(reckoned + 100_000_000, 2048, app.engines.width))
    assert app.fitting.predictor(2048)(card).memory_bytes == reckoned + 100_000_000
    assert app.fitting.predictor(4096)(card).memory_bytes > reckoned + 100_000_000 + 2 * 2048 * 23_040


async def test_what_pytorch_or_another_server_did_says_nothing_about_other_models(
    app: App, tmp_path: Path
) -> None:
    folder = made_folder.write_folder(tmp_path / "falcon")
    app.library.import_in_place(f"file:{folder}")
    machine = usual_machine(2, None)
    app.home.machine_file.write_bytes(msgspec.json.encode(Remembered(key_of_machine(app.settings), machine)))
    for reference in (f"file:{folder}", app.settings.model):
        identity = app.library.weights(reference).identity
        app.speeds.measured(identity, unread=200, seconds=200.0, load_ms=800)
        app.speeds.replied(identity, tokens=40, seconds=400.0, before=492)
        kinds = set(app.fitting.machine().corrections)
        assert kinds == (set() if reference.endswith("falcon") else {"", "Q4_1"})


async def test_another_engine_is_another_machine(app: App, tmp_path: Path) -> None:
    """What `fireside tune` has built, or the settings name, has speeds of its own."""
    app.home.machine_file.write_bytes(
        msgspec.json.encode(Remembered(key_of_machine(app.settings), usual_machine(2, None)))
    )
    assert app.fitting.is_measured
    program = tmp_path / "llama-server"
    program.write_bytes(b"#!/bin/sh\n")
    settings = msgspec.structs.replace(app.settings, llama_server=str(program))
    again = App.open(settings, app.home, Engines(ScriptedStart(), settings))
    assert not again.fitting.is_measured
    await again.aclose()


async def test_a_repository_means_what_fits_once_loaded_models_have_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo({"tiny-Q2_K.gguf": SMALL, "tiny-Q4_K_M.gguf": LARGE}, card={"license": "mit"})
    engine = ScriptedEngine(pid=os.getpid())
    with hub_server(TestHub({"maker/tiny-GGUF": repo})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        settings = Settings(model="hf:maker/tiny-GGUF")
        app = App.open(
            settings, Home(tmp_path, tmp_path), Engines(ScriptedStart(lambda model: engine), settings)
        )
        try:
            monkeypatch.setattr(machine, "available_bytes", lambda: CONTEXT_BYTES)
            assert (await app.catalogue.look_up(settings.model)).quantization == "Q2_K"
            async with app.engines.lease(a_model()):
                assert (app.fitting.available_bytes() or 0) > CONTEXT_BYTES + len(LARGE)
                assert (await app.catalogue.look_up(settings.model)).quantization == "Q4_K_M"
        finally:
            await app.aclose()
