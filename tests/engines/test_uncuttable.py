"""Models whose states can't be cut: they go on from their end, and never from a wrong place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

import made_models
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import Ended, ModelFile, Origin, Piece
from fireside.memory.snapshots import Snapshots
from fireside.messages import Sampling
from fireside.settings import Settings

ALICE, BOB = Origin("alice", "m1"), Origin("bob", "m1")
MODELS = {"sliding": made_models.sliding_window, "recurrent": made_models.recurrent}
ALMOST_ALL = 0.95
"""The last checkpoint lies a few tokens before the end."""
Begin = Callable[[], Awaitable[LlamaCppEngine]]


@pytest.fixture(params=sorted(MODELS))
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> ModelFile:
    path = tmp_path / "odd.gguf"
    path.write_bytes(MODELS[request.param]())
    return ModelFile(reference="file:odd", path=path, identity="odd", context_length=1024, has_template=False)


@pytest.fixture
async def begin(odd: ModelFile, settings: Settings, tmp_path: Path) -> AsyncIterator[Begin]:
    engines: list[LlamaCppEngine] = []

    async def begin() -> LlamaCppEngine:
        one = msgspec.structs.replace(settings, slots=1)
        engines.append(await start(odd, one, vault=Snapshots.open(tmp_path / "snapshots", 1 << 30)))
        return engines[-1]

    yield begin
    for engine in engines:
        await engine.aclose()


def words(first: int, count: int = 300) -> tuple[int, ...]:
    return tuple((first + at * at * 7) % 60 for at in range(count))


async def turn(
    engine: LlamaCppEngine, prompt: tuple[int, ...], origin: Origin | None = ALICE
) -> tuple[int, tuple[int, ...]]:
    """Return how many tokens were cached, and what was said."""
    generated = engine.generate(prompt, Sampling(temperature=0.0), max_tokens=6, origin=origin)
    async with aclosing(generated) as steps:
        events = [event async for event in steps]
    assert isinstance(events[-1], Ended)
    assert events[-1].cached_tokens is not None
    said = tuple(number for event in events if isinstance(event, Piece) for number in event.ids)
    return events[-1].cached_tokens, said


async def test_they_are_recognised(begin: Begin, engine: LlamaCppEngine) -> None:
    odd = await begin()
    assert not odd.info.cuttable
    assert engine.info.cuttable


async def test_what_only_grew_is_not_read_again_after_a_restart(begin: Begin) -> None:
    first = await begin()
    _, said = await turn(first, words(1))
    await first.aclose()
    cached, _ = await turn(await begin(), (*words(1), *said, 1, 2, 3))
    assert cached >= ALMOST_ALL * (300 + len(said))


async def test_two_take_turns_in_one_slot(begin: Begin) -> None:
    engine = await begin()
    _, said = await turn(engine, words(1), ALICE)
    await turn(engine, words(2), BOB)
    cached, _ = await turn(engine, (*words(1), *said, 1, 2, 3), ALICE)
    assert cached >= ALMOST_ALL * (300 + len(said))


async def test_a_branch_is_said_as_if_it_was_read_anew(begin: Begin) -> None:
    """Whatever of it the engine had a checkpoint for."""
    branch = (*words(1)[:200], *words(9, 40))
    first = await begin()
    expected = await turn(first, branch, BOB)
    await turn(first, words(2), None)
    await turn(first, words(1), ALICE)
    assert (await turn(first, branch, ALICE))[1] == expected[1]
    await first.aclose()
    again = await begin()
    assert (await turn(again, (*words(1), 5), ALICE))[1] == (await turn(again, (*words(1), 5), ALICE))[1]
    assert (await turn(again, branch, ALICE))[1] == expected[1]
