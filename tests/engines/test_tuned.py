"""A profile is used as long as everything is as it was, and given up as soon as it does harm."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from fireside.engines.built import BuiltFirst
from fireside.engines.fit import need_of
from fireside.engines.llamacpp import key_today
from fireside.engines.llamacpp_builds import CHANGED
from fireside.engines.llamacpp_child import Task
from fireside.engines.llamacpp_native import arguments
from fireside.engines.llamacpp_task import choice_of, task_of
from fireside.engines.protocol import Engine, LoadProgress, ModelFile, Piece
from fireside.engines.registry import starter
from fireside.engines.tuned import OTHERS, Profiles, TunedFirst, conditions
from fireside.errors import EngineCrashed, EngineOutOfMemory, ModelDamaged
from fireside.messages import Sampling
from fireside.profiles import Conditions, Profile, Tuned, Unused, settled, slots_of
from fireside.settings import Settings
from scripted import ScriptedStart

GREEDY = Sampling(temperature=0.0)
FASTER = Tuned(threads=1, batch=64, waiting="passive", slots=3)


@pytest.fixture
def bare() -> Settings:
    """Nothing is set that could be tuned."""
    return Settings()


@pytest.fixture
def tuned(model: ModelFile) -> ModelFile:
    """The model as the server sees it where it has this profile."""
    return msgspec.structs.replace(model, tuned=FASTER)


@pytest.fixture
def profiles(tmp_path: Path, bare: Settings) -> Profiles:
    return Profiles(tmp_path / "profiles", lambda: bare)


def kept(profiles: Profiles, model: ModelFile, /, **changes: object) -> Profile:
    measured_with = msgspec.structs.replace(conditions(model, Settings()), **changes)
    profile = Profile(model=model.reference, measured_with=measured_with, tuned=FASTER)
    profiles.write(profile)
    if changes.get("model"):  # as if the model had changed since
        wrong = profiles._path(measured_with.model)
        wrong.rename(profiles._path(model.identity))
    return profile


async def die(engine: Engine) -> None:
    """Let the engine crash at its first token."""
    async for event in engine.generate((504, 2988), GREEDY, max_tokens=900):
        if isinstance(event, Piece):
            os.kill(engine.info.pid or 0, signal.SIGSEGV)


async def test_a_model_is_started_as_its_profile_says(
    profiles: Profiles, tuned: ModelFile, bare: Settings
) -> None:
    kept(profiles, tuned)
    engine = await TunedFirst(starter(), profiles)(tuned, bare, None)
    assert engine.info.tuned
    assert engine.info.slots == 3
    await engine.aclose()


def test_a_profile_is_its_owners_alone(profiles: Profiles, model: ModelFile, tmp_path: Path) -> None:
    kept(profiles, model)
    (file,) = (tmp_path / "profiles").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "change",
    [{"engine": "xllamacpp 1"}, {"model": "sha256:b"}, {"processor": "i486"}, {"cores": 99}, {"formula": 0}],
)
def test_a_profile_that_was_measured_otherwise_is_not_used_and_says_so(
    profiles: Profiles, model: ModelFile, change: dict[str, object]
) -> None:
    kept(profiles, model, **change)
    found = profiles.look(model)
    assert isinstance(found, Unused)
    assert OTHERS[next(iter(change))] in str(found.reason)
    assert found.outdated
    assert profiles.tuned(model) == Tuned()


@pytest.mark.parametrize(
    "value", ['{"threads": 0}', '{"batch": "many"}', '{"unheard_of": 1}', '{"slots": 65}']
)
async def test_a_bad_value_is_ignored_and_said(
    profiles: Profiles, tuned: ModelFile, bare: Settings, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept(profiles, tuned)
    path = profiles._path(tuned.identity)
    written = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(written | {"tuned": msgspec.json.decode(value)}))
    assert "damaged" in str(profiles.look(tuned))
    engine = await TunedFirst(starter(), profiles)(tuned, bare, None)
    assert not engine.info.tuned
    assert "damaged" in caplog.text
    await engine.aclose()


@pytest.mark.parametrize(
    "content", [b'{"event": "profile", "model": "\xff"}', b'{"": ' + b"[" * 100_000], ids=["bytes", "nesting"]
)
def test_a_damaged_profile_is_not_used_and_says_so(
    profiles: Profiles, model: ModelFile, content: bytes
) -> None:
    kept(profiles, model)
    profiles._path(model.identity).write_bytes(content)
    assert "damaged" in str(profiles.look(model))
    profiles.withdraw(model, "it crashed")


def test_what_the_person_has_set_wins(model: ModelFile) -> None:
    own = Settings(threads=2, slots=1, cache_type="f16", speculation="off", flash_attention=False)
    wanted = Tuned(threads=1, prompt_threads=1, slots=8, cache_type="q8_0", speculation="ngram")
    model = msgspec.structs.replace(model, tuned=wanted)
    task = task_of(model, own, None)
    assert (task.threads, task.slots, task.cache_type, task.drafted_tokens) == (2, 1, "f16", 0)
    assert task.prompt_threads == 1
    assert slots_of(own, wanted) == 1


def test_both_kinds_of_engine_are_told_the_same(model: ModelFile, bare: Settings) -> None:
    wanted = Tuned(
        batch=256, flash_attention=True, cache_type="q8_0", speculation="ngram", waiting="active", slots=4
    )
    task = task_of(msgspec.structs.replace(model, tuned=wanted), bare, None)
    told = dict(zip(arguments(task)[::2], arguments(task)[1::2], strict=False))
    assert told["--flash-attn"] == "on"
    assert told["--cache-type-k"] == told["--cache-type-v"] == "q8_0"
    assert told["--spec-type"] == "ngram-simple"
    assert told["--poll"] == "100"
    assert told["--ubatch-size"] == "256"
    assert told["--parallel"] == "4"


def test_an_engine_with_our_changes_looks_back_in_our_way(
    model: ModelFile, bare: Settings, tmp_path: Path
) -> None:
    server = tmp_path / "llama-server"
    server.write_text("#!/bin/sh")
    own = msgspec.structs.replace(bare, llama_server=str(server), threads=None)
    assert not task_of(model, own, None).flash_attention
    before = key_today(model, own)
    assert not choice_of(model, own).leaves
    (tmp_path / CHANGED).write_text("1")
    assert task_of(model, own, None).flash_attention
    assert key_today(model, own) != before
    assert choice_of(model, own).leaves == (sys.platform == "linux")
    without = msgspec.structs.replace(own, flash_attention=False)
    assert not task_of(model, without, None).flash_attention
    assert key_today(model, without) == before


def test_drafts_of_all_slots_fit_into_a_batch(model: ModelFile, bare: Settings) -> None:
    for slots in (1, 2, 4, 8, 64):
        wanted = Tuned(speculation="ngram", slots=slots)
        task: Task = task_of(msgspec.structs.replace(model, tuned=wanted), bare, None)
        assert slots * (task.drafted_tokens + 1) <= 128


async def test_an_engine_starts_with_more_slots_than_a_batch_has_tokens(
    model: ModelFile, bare: Settings
) -> None:
    small = msgspec.structs.replace(model, context_length=256, tuned=Tuned(batch=32, slots=33))
    engine = await starter()(small, bare, None)
    assert engine.info.slots == 33
    await engine.aclose()


def test_a_smaller_cache_takes_less_memory_and_has_states_of_its_own(
    model: ModelFile, bare: Settings
) -> None:
    model = msgspec.structs.replace(model, cache_token_bytes=23_040)
    small = msgspec.structs.replace(model, tuned=Tuned(cache_type="q8_0", flash_attention=True))
    whole, less = need_of(model, 2), need_of(small, 2)
    assert whole
    assert less
    assert less.context == pytest.approx(whole.context * 0.53125, rel=0.01)
    keys = {key_today(one, bare) for one in (model, small)}
    keys.add(key_today(msgspec.structs.replace(model, tuned=Tuned(flash_attention=True)), bare))
    assert len(keys) == 3
    more = msgspec.structs.replace(model, tuned=Tuned(slots=4))
    assert (need_of(more, 2) or whole).context == 2 * whole.context


async def test_a_profile_that_kills_its_engine_is_withdrawn_and_the_build_is_not_blamed(
    profiles: Profiles, tuned: ModelFile, bare: Settings, tmp_path: Path
) -> None:
    kept(profiles, tuned)
    start = BuiltFirst(TunedFirst(starter(), profiles), tmp_path / "engines")
    first = await start(tuned, bare, None)
    with pytest.raises(EngineCrashed):
        await die(first)
    await first.aclose()
    second = await start(tuned, bare, None)
    assert not second.info.tuned
    assert "crashed" in str(profiles.look(tuned))
    await second.aclose()


async def test_a_profile_with_which_nothing_starts_is_withdrawn_at_once(
    profiles: Profiles, tuned: ModelFile, bare: Settings
) -> None:
    kept(profiles, tuned)

    async def refusing(model: ModelFile, settings: Settings, progress: LoadProgress | None) -> Engine:
        if model.tuned != settled(settings):
            raise ModelDamaged("it can't be loaded so", hint="otherwise")
        return await starter()(model, settings, progress)

    engine = await TunedFirst(refusing, profiles)(tuned, bare, None)
    assert not engine.info.tuned
    assert "can't be loaded so" in str(profiles.look(tuned))
    await engine.aclose()


async def test_where_the_profile_takes_more_memory_than_there_is_it_runs_as_usual_this_time(
    profiles: Profiles, tuned: ModelFile, bare: Settings
) -> None:
    kept(profiles, tuned)
    start = ScriptedStart(failures=[EngineOutOfMemory("there is no room", hint="close other programs")])
    engine = await TunedFirst(start, profiles)(tuned, bare, None)
    assert [model.tuned for model in start.loads] == [FASTER, Tuned()]
    assert isinstance(profiles.look(tuned), Profile)
    await engine.aclose()


async def test_a_damaged_model_is_not_its_profiles_fault(
    profiles: Profiles, tuned: ModelFile, bare: Settings, tmp_path: Path
) -> None:
    kept(profiles, tuned)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tuned.path.read_bytes()[:5_000_000])
    with pytest.raises(ModelDamaged):
        await TunedFirst(starter(), profiles)(msgspec.structs.replace(tuned, path=cut), bare, None)
    assert isinstance(profiles.look(tuned), Profile)


def test_every_condition_has_its_words() -> None:
    assert tuple(OTHERS) == Conditions.__struct_fields__


def test_profiles_are_removed_all_or_one(profiles: Profiles, model: ModelFile) -> None:
    assert profiles.remove() == 0
    other = msgspec.structs.replace(model, identity="sha256:other")
    for one in (model, other):
        kept(profiles, one)
    assert profiles.remove(model) == 1
    assert isinstance(profiles.look(other), Profile)
    assert profiles.remove() == 1
