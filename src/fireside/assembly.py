"""Puts a prompt together: the newest of a branch word for word, what is older as memory has it.

Everything is tokenised once per engine and text; replies bring the ids that were really sampled.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from fireside.conversations import StoredMessage
from fireside.engines.protocol import Engine, eyes_of
from fireside.errors import BadPicture, ContextLengthExceeded, NoVision
from fireside.eviction import Eviction, Moved, Summarise
from fireside.framing import Frames, Framing, Ids, Laid, Layout, layout_of
from fireside.memories import Digest
from fireside.messages import ReasoningPart, Receipt, Role
from fireside.past import History, Past, read_past
from fireside.pictures import harmless
from fireside.recalling import with_recall
from fireside.tidy import THINK_BEGIN, control_tokens
from fireside.window import Budget, Given, make_receipt

__all__ = ["Assembler", "History", "Layout", "Prompt", "Ready", "Typed", "layout_of"]

SENTENCE_ENDS = re.compile(r"[.?!。？！…]\s*$")
REMEMBERED_TEXT, REMEMBERED_IN_ALL = 32_000, 1_000_000
"""characters"""


class Prompt(msgspec.Struct, frozen=True):
    """The ids to generate from, the receipt for them, and what the template's frames told."""

    ids: Ids
    receipt: Receipt
    control_tokens: tuple[str, ...] = ()
    reasoning: bool = False


class Ready(msgspec.Struct, frozen=True):
    """What the next prompt of a branch will begin with, once the digest of a moved window is stored."""

    ids: Ids
    digest: Digest | None = None


class Typed(msgspec.Struct, frozen=True):
    """How a prompt begins whose question is still being typed: only the first `sent` ids were ever sent."""

    ids: Ids
    sent: int


class Assembler:
    """Assembles prompts and remembers tokenisations. One for a server's life.

    `memories` says whether memories of other conversations are given, until somebody switches it.
    """

    def __init__(self, *, memories: bool = False) -> None:
        self.memories = memories
        self._remembered: OrderedDict[tuple[str, str, bool], Ids] = OrderedDict()
        self._remembered_size = 0
        self._frames = Frames()

    def framing(self, layout: Layout, engine: Engine) -> Framing:
        """Return what lays messages out; what was tokenised and framed lately is remembered."""
        return Framing(self.tokenize, self._frames, layout, engine)

    async def assemble(
        self,
        history: History,
        branch: Sequence[StoredMessage],
        layout: Layout,
        engine: Engine,
        *,
        max_tokens: int | None,
        prefix: Ids = (),
    ) -> Prompt:
        """Return the prompt for a reply to the last message of `branch`.

        `prefix` is the beginning of a reply that goes on. Digest and quotes that it needs for the first
        time are stored. ContextLengthExceeded when the last message doesn't fit; NoTemplate when
        the model has none and `chat` format is asked for.
        """
        budget = Budget.of(engine.info.context_length, max_tokens)
        whole, prefix = prefix, prefix[-(budget.prompt // 2) :]
        room = budget.prompt - len(prefix)
        work = _Work(history, self.framing(layout, engine), budget)
        past = await work.past(branch, with_memories=self.memories)
        past, laid = await work.fitted(past, room)
        before = past
        past, laid = await with_recall(work.framing, past, laid, budget=budget, room=room)
        if past is not before:  # later prompts say the same
            await asyncio.to_thread(history.memory.set_recall, past.recalls[past.window[-1].id])
        ids = await work.framing.join(laid)
        given = _given(branch, past, cut=len(whole) - len(prefix))
        return Prompt(
            ids=(*ids, *prefix),
            receipt=make_receipt(
                [message.id for message in branch],
                given,
                context_length=budget.context_length,
                prompt_tokens=len(ids) + len(prefix),
            ),
            control_tokens=control_tokens(frame.text for frame in laid.frames),
            reasoning=laid.frames[-1].text.rstrip().endswith(THINK_BEGIN),
        )

    async def ready(
        self,
        history: History,
        branch: Sequence[StoredMessage],
        layout: Layout,
        engine: Engine,
        *,
        max_tokens: int | None,
        summarise: Summarise | None = None,
    ) -> Ready | None:
        """Return what the next prompt begins with when `branch` ends in a reply; None where that isn't known.

        The window is moved on where that is due. Nothing is stored.
        """
        budget = Budget.of(engine.info.context_length, max_tokens)
        work = _Work(history, self.framing(layout, engine), budget)
        past = await work.past(branch, with_memories=self.memories)
        if not past.window:
            return None
        laid = await work.laid(past, budget.compact_at)
        if laid is not None:
            return Ready(await work.beginning(past, laid))
        try:
            moved = await work.moved(past, budget.prompt, summarise)
        except ContextLengthExceeded:
            return None
        if moved is None or moved.past.digest is None or len(moved.past.window) == len(past.window):
            return None
        return Ready(await work.beginning(moved.past, moved.laid), moved.past.digest)

    async def typed(
        self,
        history: History,
        branch: Sequence[StoredMessage],
        question: StoredMessage,
        layout: Layout,
        engine: Engine,
        *,
        max_tokens: int | None,
        goes_on: bool,
    ) -> Typed | None:
        """Return how the prompt for `question` begins, which comes after `branch` and which nobody has sent.

        Of one that surely `goes_on` its words are known; of any other all but the prompt's last id, which is
        read when it is sent. What may be quoted before it is found by all of its words: until a sentence
        ends, nothing is known of it then. None where a digest is due first, or where it doesn't fit.
        Nothing is stored.
        """
        budget = Budget.of(engine.info.context_length, max_tokens)
        work = _Work(history, self.framing(layout, engine), budget)
        past = await work.past([*branch, question], with_memories=self.memories)
        if past.window[-1:] != (question,):
            return None
        laid = await work.laid(past, budget.prompt - work.quoted_later(past))
        if laid is None or laid.total - laid.sizes[-1] > budget.compact_at:
            return None
        quotable = bool(past.evicted or past.memories)
        ends = not goes_on and SENTENCE_ENDS.search(question.text) is not None
        if quotable and ends:
            past, laid = await with_recall(work.framing, past, laid, budget=budget, room=budget.prompt)
        words = await work.framing.join(msgspec.structs.replace(laid, frames=laid.frames[:-1]))
        sent = len(words) - len(laid.contents[-1])
        if quotable and not ends:
            return Typed(words[:sent], sent)
        return Typed(words if goes_on else (await work.framing.join(laid))[:-1], sent)

    async def tokenize(self, engine: Engine, text: str, *, special: bool) -> Ids:
        """Return the ids of `text`, from memory when this engine's model has seen it lately."""
        key = (engine.info.identity, text, special)
        known = self._remembered.get(key)
        if known is None:
            known = await engine.tokenize(text, special=special) if text else ()
            self._remember(key, known)
        else:
            self._remembered.move_to_end(key)
        return known

    def _remember(self, key: tuple[str, str, bool], ids: Ids) -> None:
        """Keep a tokenisation, within a budget of characters; very long texts aren't worth it."""
        size = len(key[1])
        if size > REMEMBERED_TEXT:
            return
        self._remembered[key] = ids
        self._remembered_size += size
        while self._remembered_size > REMEMBERED_IN_ALL:
            (_, oldest, _), _ = self._remembered.popitem(last=False)
            self._remembered_size -= len(oldest)


class _Work:
    """One assembly: what all of its steps share."""

    def __init__(self, history: History, framing: Framing, budget: Budget) -> None:
        self._history = history
        self.framing = framing
        self._budget = budget

    async def past(self, branch: Sequence[StoredMessage], *, with_memories: bool) -> Past:
        return await asyncio.to_thread(
            read_past, self._history, branch, self._budget.context_length, with_memories=with_memories
        )

    async def fitted(self, past: Past, room: int) -> tuple[Past, Laid]:
        """Return `past` as it fits into `room`, its window moved on where it must be.

        Where something may have to be quoted before the question, there is room for it, if there can be.
        """
        for limit in dict.fromkeys((room - self.quoted_later(past), room)):
            laid = await self.laid(past, limit)
            if laid is not None:
                return past, laid
            try:
                moved = await self.moved(past, limit)
            except ContextLengthExceeded:
                if limit == room:
                    raise
                continue
            if moved is not None:
                await self._store(moved)
                return moved.past, moved.laid
        raise ContextLengthExceeded(
            f"the window of {self._budget.context_length} tokens has no room for this message",
            hint="shorten it or the system text, or raise `context_length` if the model allows more",
        )

    def quoted_later(self, past: Past) -> int:
        """Return the tokens that are kept free for what is quoted before the question."""
        if past.recall_of(past.window[-1]) or not (past.evicted or past.memories):
            return 0
        return self._budget.recall

    async def _store(self, moved: Moved) -> None:
        if moved.past.digest:
            await asyncio.to_thread(self._history.memory.add_digest, moved.past.digest)

    async def moved(self, past: Past, room: int, summarise: Summarise | None = None) -> Moved | None:
        recalls = {key: value for key, value in past.recalls.items() if key != past.window[-1].id}
        past = msgspec.structs.replace(past, recalls=recalls)
        return await Eviction(self.framing, self._budget, room, self.contents).move(past, summarise)

    async def laid(self, past: Past, room: int) -> Laid | None:
        """Return what is kept as it is laid out; None when it takes more than `room`."""
        contents = await self.contents(past, room)
        if len(contents) < len(past.kept):
            return None
        laid = await self.framing.lay([message.role for message in past.kept], contents)
        return laid if laid.total <= room else None

    async def beginning(self, past: Past, laid: Laid) -> Ids:
        return await self.framing.beginning([message.role for message in past.kept], laid.contents)

    async def contents(self, past: Past, most: int | None) -> list[Ids]:
        """Return the ids of the kept messages; with `most`, of the newest ones that could fit into it."""
        kept, texts = past.kept, past.texts()
        newest = kept[-max(1, most) :] if most is not None else kept
        replies = [message.id for message in newest if message.role is Role.ASSISTANT]
        identity = self.framing.engine.info.identity
        sampled = await asyncio.to_thread(self._history.token_ids, replies, identity)
        contents: list[Ids] = []
        total = 0
        for message, text in zip(reversed(newest), reversed(texts), strict=False):
            as_said = text == message.message.prompt_text
            ids = sampled.get(message.id) if as_said else None
            if not ids:
                shown = await self._shown(message, is_question=message is kept[-1])
                ids = (*shown, *await self.framing.content(message.role, text))
            total += len(ids)
            if most is not None and contents and total > most:
                break
            contents.append(ids)
        return contents[::-1]

    async def _shown(self, message: StoredMessage, *, is_question: bool) -> Ids:
        """Return what stands for a message's pictures; who can't see has the names of earlier ones."""
        ids: list[int] = []
        for part in message.message.pictures:
            eyes = eyes_of(self.framing.engine)
            if eyes:
                try:
                    ids += await eyes.look(await asyncio.to_thread(harmless, part.data))
                except BadPicture:
                    if is_question:  # later on it is only in the way
                        raise
            elif is_question:
                model = self.framing.engine.info.model
                raise NoVision(f"{model} doesn't see pictures here", hint="choose a model that sees")
        return tuple(ids)


def _given(branch: Sequence[StoredMessage], past: Past, *, cut: int) -> Given:
    """Return what the model is given, and in plain words what it isn't of messages that count as included."""
    kept = past.kept
    recalled = frozenset(quote.message_id for recall in past.shown for quote in recall.quotes)
    notes = []
    if past.digest and past.digest.left_out:
        facts = past.digest.left_out
        notes.append(
            f"the digest has no room for {facts} older {'fact' if facts == 1 else 'facts'}: recall finds them"
        )
    if unkept := sum(message.pinned and message.id not in recalled for message in past.evicted):
        notes.append(
            f"{unkept} pinned {'message has' if unkept == 1 else 'messages have'} no room word for word"
        )
    if any(isinstance(part, ReasoningPart) for message in kept for part in message.parts):
        notes.append("the reasoning of earlier replies is left out")
    if cut:
        notes.append(f"the first {cut} tokens of the reply that goes on do not fit")
    spoken = {message.id for message in past.spoken}
    return Given(
        included=tuple(message.id for message in kept),
        empty=frozenset(message.id for message in branch if message.id not in spoken),
        digest=past.digest.text if past.digest else None,
        recalled=recalled,
        memories=tuple(dict.fromkeys(memory.id for recall in past.shown for memory in recall.memories)),
        notes=tuple(notes),
    )
