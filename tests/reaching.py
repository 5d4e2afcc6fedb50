"""A remote engine for tests, started as the pool does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from fireside.engines.protocol import Ended, Generated, ModelFile, Notice, Piece
from fireside.engines.remote import RemoteEngine, start
from fireside.engines.remote_ids import rendered, spelled
from fireside.messages import Role, Sampling, said
from fireside.settings import RemoteSettings, Settings


def a_remote_model(name: str = "office/small") -> ModelFile:
    reference = f"remote:{name}"
    return ModelFile(reference, Path(), reference, 4096, has_template=True, engine="remote")


@asynccontextmanager
async def reached(*urls: str, model: str = "office/small", **settings: Any) -> AsyncIterator[RemoteEngine]:
    """Give the engine of a model at `urls`."""
    remote = RemoteSettings(urls=urls, **settings)
    engine = await start(a_remote_model(model), Settings(remotes={"office": remote}))
    try:
        yield engine
    finally:
        await engine.aclose()


def prompt_of(*texts: str, begun: str = "") -> tuple[int, ...]:
    """Return the ids of a dialogue that a person begins."""
    roles = (Role.USER, Role.ASSISTANT) * len(texts)
    messages = [said(role, text) for role, text in zip(roles, texts, strict=False)]
    return (*spelled(rendered(messages, reasoning=None), special=True), *spelled(begun))


async def answered(engine: RemoteEngine, prompt: Sequence[int], *, max_tokens: int = 16) -> list[Generated]:
    sampling = Sampling(temperature=0.0, seed=1)
    async with aclosing(engine.generate(prompt, sampling, max_tokens=max_tokens)) as steps:
        return [step async for step in steps]


def text_in(steps: Sequence[Generated]) -> str:
    return "".join(step.text for step in steps if isinstance(step, Piece))


def notices_in(steps: Sequence[Generated]) -> list[str]:
    return [step.text for step in steps if isinstance(step, Notice)]


def end_of(steps: Sequence[Generated]) -> Ended:
    assert isinstance(steps[-1], Ended)
    return steps[-1]
