"""What a prompt would be, looked up without generating anything."""

from __future__ import annotations

from fireside.app import App
from fireside.server.callers import Caller
from fireside.server.openai.asking import Question, sendable
from fireside.server.relay import counted, leased


async def prompt_tokens(app: App, caller: Caller, question: Question) -> int:
    """Return how many tokens the question's prompt has, as the model's template writes it."""
    async with leased(app, caller, question.model) as engine:
        sent = await sendable(engine, question, question.body(engine.info))
        return await counted(engine, question.path, sent)
