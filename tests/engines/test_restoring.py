"""What a real engine has read is saved and restored: after a restart, for two in one slot, never wrongly."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import Ended, Generated, Held, ModelFile, Notice, Origin, Piece
from fireside.memory.snapshots import Snapshots
from fireside.messages import Sampling
from fireside.settings import Settings

GREEDY = Sampling(temperature=0.0)
ALICE, BOB = Origin("alice", "m1"), Origin("bob", "m1")
Begin = Callable[..., Awaitable[LlamaCppEngine]]


@pytest.fixture
def vault(tmp_path: Path) -> Snapshots:
    return Snapshots.open(
        tmp_path / "snapshots", 1 << 30, keeps=lambda conversation: conversation != "secret"
    )


@pytest.fixture
async def begin(model: ModelFile, settings: Settings, vault: Snapshots) -> AsyncIterator[Begin]:
    """Start an engine with one slot; all of them are ended after the test."""
    engines: list[LlamaCppEngine] = []

    async def begin(*, kept: Snapshots | None = vault, slots: int = 1, **changes: object) -> LlamaCppEngine:
        changed = msgspec.structs.replace(settings, slots=slots)
        engines.append(await start(msgspec.structs.replace(model, **changes), changed, vault=kept))
        return engines[-1]

    yield begin
    for engine in engines:
        await engine.aclose()


def words(first: int, count: int = 150) -> tuple[int, ...]:
    """Return ids that begin with a number of their own."""
    return tuple((first + at * 7919) % 40_000 + 100 for at in range(count))


async def generated(
    engine: LlamaCppEngine, prompt: tuple[int, ...], origin: Origin | None, *, max_tokens: int = 4
) -> list[Generated]:
    events = engine.generate(prompt, GREEDY, max_tokens=max_tokens, origin=origin)
    async with aclosing(events):
        return [event async for event in events]


async def turn(
    engine: LlamaCppEngine, prompt: tuple[int, ...], origin: Origin | None = ALICE
) -> tuple[int, tuple[int, ...]]:
    """Return how many tokens were cached, and the prompt with the reply behind it."""
    events = await generated(engine, prompt, origin)
    assert isinstance(events[-1], Ended)
    assert events[-1].cached_tokens is not None
    said = tuple(number for event in events if isinstance(event, Piece) for number in event.ids)
    return events[-1].cached_tokens, (*prompt, *said)


def states(vault: Snapshots) -> list[Path]:
    return sorted(vault.folder.glob("*.state"))


async def test_after_a_restart_nothing_is_read_again(begin: Begin, vault: Snapshots) -> None:
    first = await begin()
    cached, history = await turn(first, words(1))
    assert cached == 0
    await first.aclose()
    second = await begin(kept=Snapshots.open(vault.folder, 1 << 30))
    cached, _ = await turn(second, (*history, 9, 9, 9))
    # The token that was sampled last was never read.
    assert cached >= len(history) - 1


async def test_the_same_is_said_whether_it_was_restored_or_not(begin: Begin) -> None:
    prompt = words(3)
    first = await begin()
    told = await generated(first, prompt, ALICE, max_tokens=24)
    await first.aclose()
    second = await begin()
    again = await generated(second, prompt, ALICE, max_tokens=24)
    assert [event for event in again if isinstance(event, Piece)] == [
        event for event in told if isinstance(event, Piece)
    ]
    assert again[-1].cached_tokens == len(prompt) - 1  # type: ignore[union-attr]


async def test_what_was_saved_before_a_kill_is_there(begin: Begin, vault: Snapshots) -> None:
    first = await begin()
    _, history = await turn(first, words(1))
    await first.save("alice")
    os.kill(first.info.pid or 0, signal.SIGKILL)
    await first.aclose()
    cached, _ = await turn(await begin(), (*history, 9))
    assert cached >= len(history) - 1


async def test_only_its_owner_may_read_a_state(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    await turn(engine, words(1))
    await engine.save()
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in vault.folder.iterdir()}
    assert modes == {".state": 0o600, ".index": 0o600}
    assert vault.folder.stat().st_mode & 0o777 == 0o700


async def test_damage_that_was_noticed_while_nobody_asked_is_said_with_the_next_reply(
    begin: Begin, vault: Snapshots
) -> None:
    first = await begin()
    _, history = await turn(first, words(1))
    await first.aclose()
    (state,) = states(vault)
    state.write_bytes(state.read_bytes()[:-1000])
    second = await begin()
    await generated(second, (*history, 9), Origin("alice", "m1", sent_tokens=len(history)), max_tokens=0)
    told = [await generated(second, (*history, 9, 9), ALICE) for _ in range(2)]
    assert [any(isinstance(event, Notice) for event in events) for events in told] == [True, False]


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
async def test_a_damaged_state_is_removed_and_read_anew_and_that_is_said(
    begin: Begin, vault: Snapshots, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = await begin()
    _, history = await turn(first, words(1))
    await first.aclose()
    (state,) = states(vault)
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    if harm == "gone":
        state.unlink()
    else:
        state.write_bytes(data if harm == "flipped" else data[:-1000])
    second = await begin()
    with caplog.at_level(logging.WARNING):
        events = await generated(second, (*history, 9, 9), ALICE)
    assert [event for event in events if isinstance(event, Notice)]
    assert isinstance(events[-1], Ended)
    assert events[-1].cached_tokens == 0
    assert second.alive
    assert not state.exists()
    assert "damaged" in caplog.text


async def test_a_state_of_other_settings_is_not_used(begin: Begin, vault: Snapshots) -> None:
    first = await begin()
    _, history = await turn(first, words(1))
    await first.aclose()
    for changes in ({"identity": "sha256:other"}, {"context_length": 512}):
        other = await begin(**changes)
        cached, _ = await turn(other, (*history, 9), origin=None)
        assert cached == 0
        await other.aclose()
    assert len(states(vault)) == 1


async def test_two_conversations_take_turns_in_one_slot(begin: Begin) -> None:
    engine = await begin()
    _, alices = await turn(engine, words(1), ALICE)
    _, bobs = await turn(engine, words(2), BOB)
    for _ in range(2):
        cached, alices = await turn(engine, (*alices, *words(7, 80)), ALICE)
        assert cached >= len(alices) - 80 - 6
        cached, bobs = await turn(engine, (*bobs, *words(8, 80)), BOB)
        assert cached >= len(bobs) - 80 - 6


async def test_another_programs_request_does_not_cost_a_conversation_its_state(begin: Begin) -> None:
    engine = await begin()
    _, history = await turn(engine, words(1))
    asked = {"messages": [{"role": "user", "content": "Hi. " * 40}], "max_tokens": 3, "stream": True}
    async with aclosing(engine.relay("/v1/chat/completions", msgspec.json.encode(asked))) as events:
        assert [data async for data in events][-1] == b"[DONE]"
    cached, _ = await turn(engine, (*history, 9))
    assert cached >= len(history) - 1


async def test_two_conversations_share_the_head_of_their_persona(begin: Begin) -> None:
    engine = await begin(slots=2)
    head = words(5, 200)
    _, alices = await turn(engine, (*head, *words(1, 100)), ALICE)
    cached, bobs = await turn(engine, (*head, *words(2, 100)), BOB)
    assert cached >= 200
    # Neither took from the other.
    for history, origin in ((alices, ALICE), (bobs, BOB)):
        cached, _ = await turn(engine, (*history, 9), origin)
        assert cached >= len(history) - 1


async def test_a_branch_leaves_its_sibling_where_it_was(begin: Begin) -> None:
    engine = await begin(context_length=2048)
    trunk = words(1, 100)
    _, one = await turn(engine, (*trunk, *words(2, 560)))
    cached, other = await turn(engine, (*trunk, *words(3, 560)))
    assert cached >= 100
    for history in (one, other):
        cached, _ = await turn(engine, (*history, 9))
        assert cached >= len(history) - 1


async def test_nothing_of_a_temporary_conversation_is_written(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    await turn(engine, words(1), Origin("secret", "m1"))
    await turn(engine, words(2), None)
    await turn(engine, words(3), Origin("secret", "m1"))
    await engine.save()
    await engine.aclose()
    assert [*vault.folder.iterdir()] == []


async def test_a_forgotten_conversation_is_not_saved(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    await turn(engine, words(1))
    engine.forget("alice")
    await engine.aclose()
    assert states(vault) == []
    assert engine.held() == ()


async def test_without_a_budget_nothing_is_written_and_the_engine_reuses_what_it_can(
    begin: Begin, tmp_path: Path
) -> None:
    nothing = Snapshots.open(tmp_path / "none", 0)
    engine = await begin(kept=nothing)
    _, history = await turn(engine, words(1))
    cached, _ = await turn(engine, (*history, 9))
    assert cached >= len(history) - 1
    await engine.save()
    await engine.aclose()
    assert [*nothing.folder.iterdir()] == []


async def test_it_tells_what_it_holds(begin: Begin) -> None:
    engine = await begin(slots=2)
    _, alices = await turn(engine, words(1), ALICE)
    _, bobs = await turn(engine, words(2), BOB)
    assert set(engine.held()) == {Held(ALICE, len(alices)), Held(BOB, len(bobs))}


async def test_a_reply_that_is_cut_short_is_saved_all_the_same(begin: Begin) -> None:
    engine = await begin()
    said: list[int] = []
    async with aclosing(engine.generate(words(1), GREEDY, max_tokens=500, origin=ALICE)) as events:
        async for event in events:
            said.extend(event.ids if isinstance(event, Piece) else ())
            if len(said) > 5:
                break
    await engine.aclose()
    cached, _ = await turn(await begin(), (*words(1), *said, 9))
    assert cached >= 150 + len(said) - 1


async def test_a_save_that_is_given_up_leaves_no_half_file(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    _, history = await turn(engine, words(1))
    saving = asyncio.create_task(engine.save("alice"))
    await asyncio.sleep(0)
    saving.cancel()
    await asyncio.wait([saving])
    cached, _ = await turn(engine, (*history, 9))
    assert cached >= len(history) - 1
    await engine.aclose()
    assert {path.suffix for path in vault.folder.iterdir()} <= {".state", ".index"}


async def test_who_deletes_the_folder_only_has_things_read_anew(begin: Begin, vault: Snapshots) -> None:
    engine = await begin()
    _, alice = await turn(engine, words(1))
    await engine.save()
    shutil.rmtree(vault.folder)
    _, _ = await turn(engine, words(2), BOB)
    cached, _ = await turn(engine, (*alice, 5, 6), ALICE)
    assert cached < len(alice) or not states(vault)
    await engine.save()
    assert states(vault), "the folder is there again"
    assert vault.folder.stat().st_mode & 0o777 == 0o700
