"""A model whose profile is out of date is tuned again in a quiet while, and never before."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from fireside.engines.leases import Engines
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.engines.tuned import Profiles, conditions
from fireside.profiles import Profile, Tuned
from fireside.retuning import Retuning
from fireside.settings import Settings


class Program(NamedTuple):
    command: tuple[str, ...]
    begun: Path
    ended: Path


@pytest.fixture
def model(smollm2: Path) -> ModelFile:
    return ModelFile(f"file:{smollm2}", smollm2, "sha256:small", 1024, has_template=True)


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "profiles", Settings)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """What stands for the tuning: it says that it has begun, and that it was told to end."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    code = (
        "import pathlib, sys, time\n"
        f"pathlib.Path({str(begun)!r}).write_text(sys.argv[1])\n"
        f"try: time.sleep(60)\nexcept KeyboardInterrupt: pathlib.Path({str(ended)!r}).touch()\n"
    )
    return Program((sys.executable, "-c", code), begun, ended)


def note(profiles: Profiles, model: ModelFile, **changes: object) -> None:
    measured_with = msgspec.structs.replace(conditions(model, Settings()), **changes)
    profiles.write(Profile(model.reference, measured_with, Tuned(threads=1)))


async def until(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():
            await asyncio.sleep(0.02)


async def test_an_outdated_profile_is_measured_again_until_somebody_asks(
    profiles: Profiles, model: ModelFile, program: Program
) -> None:
    note(profiles, model, engine="another one")
    engines = Engines(starter(), Settings(threads=1))
    retuning = Retuning(engines, profiles, quiet_s=0.1, command=program.command)
    retuning.used(model)
    await until(program.begun)
    assert model.reference in program.begun.read_text()
    async with engines.lease(model):
        await until(program.ended)  # whoever asks goes first
    await retuning.aclose()
    await engines.aclose()


@pytest.mark.parametrize("kept", ["nothing", "current", "failed"])
async def test_nothing_is_measured_that_was_never_tuned_or_is_as_it_was(
    profiles: Profiles, model: ModelFile, program: Program, kept: str
) -> None:
    if kept != "nothing":
        note(profiles, model)
    if kept == "failed":
        profiles.withdraw(model, "it crashed")
    engines = Engines(starter(), Settings())
    retuning = Retuning(engines, profiles, quiet_s=0.05, command=program.command)
    retuning.used(model)
    await asyncio.sleep(1)
    assert not program.begun.exists()
    await retuning.aclose()
    await engines.aclose()
