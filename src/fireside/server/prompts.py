"""What a prompt would be, looked up without generating anything."""

from __future__ import annotations

from contextlib import aclosing

import msgspec

from fireside.app import App
from fireside.engines.protocol import Engine
from fireside.errors import EngineError
from fireside.server.callers import Caller
from fireside.server.openai.asking import Question, sendable
from fireside.server.relay import leased


class _Counted(msgspec.Struct):
    input_tokens: int


async def prompt_tokens(app: App, caller: Caller, question: Question) -> int:
    """Return how many tokens the question's prompt has, as the model's template writes it."""
    async with leased(app, caller, question.model) as engine:
        sent = await sendable(engine, question, question.body(engine.info))
        data = await looked_up(engine, f"{question.path}/input_tokens", sent)
    return msgspec.json.decode(data, type=_Counted).input_tokens


async def looked_up(engine: Engine, path: str, body: bytes) -> bytes:
    """Return the one answer of a route of the engine that generates nothing."""
    async with aclosing(engine.relay(path, body)) as answers:
        async for data in answers:
            return data
    raise EngineError("the engine gave no answer", hint="ask again")
