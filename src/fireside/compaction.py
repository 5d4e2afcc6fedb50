"""Ahead of a question, while nobody waits: a digest is written, and what its prompt begins with is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from fireside.assembly import Assembler, History
from fireside.conversations import StoredMessage
from fireside.engines.protocol import Ended, Engine, Origin, Piece
from fireside.framing import layout_of
from fireside.memory.digest import Said
from fireside.memory.probe import PROBE, can_digest, measured, request
from fireside.messages import Defaults, PromptFormat, Role, Sampling
from fireside.tidy import THINK_BEGIN, Cuts, Tidy, control_tokens

PROBE_TOKENS = 192
PLAIN = Sampling(temperature=0.0, seed=0)
"""a digest isn't a matter of luck"""


async def make_ready(
    reply_id: str, assembler: Assembler, history: History, engine: Engine
) -> tuple[int, ...] | None:
    """Make ready what the question after this ended reply will need.

    The engine reads what is known of the next prompt: the reply as it was tidied, and the frame before the
    question. Where the window runs full a digest is written first, and only once its prompt is read is
    it kept. So cancelling this at any moment leaves everything as it was. Returns the ids that the engine
    holds now; None when there was nothing to do. Raises FiresideError where the engine fails.
    """
    branch = await asyncio.to_thread(history.branch, reply_id)
    reply = branch[-1]
    if reply.defaults is None or not engine.info.takes_token_ids:
        return None
    layout = layout_of(reply.defaults, has_template=engine.info.has_template)
    if layout.format is PromptFormat.CHAT and not engine.info.has_template:
        return None
    writer = Writer(assembler, history, engine)
    ready = await assembler.ready(
        history,
        branch,
        layout,
        engine,
        max_tokens=reply.defaults.sampling.max_tokens,
        summarise=writer.summarise,
    )
    if ready is None or (ready.digest is None and not _goes_on(engine, reply)):
        return None
    await read(engine, ready.ids, Origin(reply.conversation_id, reply.id))
    if ready.digest:
        await asyncio.to_thread(history.memory.add_digest, ready.digest)
    return ready.ids


async def read(engine: Engine, ids: Sequence[int], origin: Origin) -> None:
    """Have the engine read a beginning of a prompt, and write nothing."""
    async with aclosing(engine.generate(ids, PLAIN, max_tokens=0, origin=origin)) as reading:
        async for _ in reading:
            pass


def _goes_on(engine: Engine, reply: StoredMessage) -> bool:
    """Return whether a slot still holds this very turn, and may hold more: a state that can't be cut
    would be of no use to who continues the reply."""
    turn = Origin(reply.conversation_id, reply.parent_id or "")
    return engine.info.cuttable and any(held.origin == turn for held in engine.held())


class Writer:
    """Has a model write digests, where it can."""

    def __init__(self, assembler: Assembler, history: History, engine: Engine) -> None:
        self._history = history
        self._engine = engine
        self._framing = assembler.framing(layout_of(Defaults()), engine)

    async def summarise(self, before: str, messages: Sequence[Said], tokens: int) -> str:
        """Return the model's words for what is evicted; nothing from a model that is too weak for it."""
        if not self._engine.info.has_template or not await self._able():
            return ""
        return await self._asked(request(before, messages), tokens)

    async def _able(self) -> bool:
        identity = self._engine.info.identity
        memory = self._history.memory
        ability = await asyncio.to_thread(memory.ability, identity)
        if ability is None:
            ability = measured(await self._asked(request("", PROBE), PROBE_TOKENS))
            await asyncio.to_thread(memory.set_ability, identity, ability)
        return can_digest(ability)

    async def _asked(self, text: str, tokens: int) -> str:
        """Return the model's answer to `text`; nothing where the two don't fit into the window."""
        framing = self._framing
        laid = await framing.lay([Role.USER], [await framing.content(Role.USER, text)])
        if laid.total + tokens > self._engine.info.context_length:
            return ""
        frames = [frame.text for frame in laid.frames]
        thinks = frames[-1].rstrip().endswith(THINK_BEGIN)
        tidy = Tidy(Cuts(turns=control_tokens(frames), reasoning=thinks))
        answer = ""
        ids = await framing.join(laid)
        async with aclosing(self._engine.generate(ids, PLAIN, max_tokens=tokens)) as generated:
            async for step in generated:
                if isinstance(step, Piece):
                    answer += tidy.feed(step.text, step.ids).text
                elif isinstance(step, Ended):
                    answer += tidy.finish().text
                if tidy.ended:
                    break
        return answer.strip()
