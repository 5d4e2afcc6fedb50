"""Puts a prompt together: fetches and tokenises what the window may hold, then asks `prompt` what fits.

Everything is tokenised once per engine and text; replies bring the ids that were really sampled.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import msgspec

from fireside.conversations import StoredMessage
from fireside.engines.protocol import Engine
from fireside.errors import BadRequest, ContextLengthExceeded, NoTemplate
from fireside.messages import Defaults, PromptFormat, ReasoningPart, Receipt, Role
from fireside.prompt import (
    Budget,
    Frame,
    Sized,
    frames_of,
    make_receipt,
    tellings,
    transcript_content,
    transcript_frames,
    window_start,
)
from fireside.tidy import THINK_BEGIN, control_tokens

REMEMBERED_TEXT, REMEMBERED_IN_ALL = 32_000, 1_000_000
"""characters"""


class History(Protocol):
    """What assembly needs of the store."""

    def branch(self, message_id: str) -> tuple[StoredMessage, ...]: ...

    def receipt(self, reply_id: str) -> Receipt | None: ...

    def token_ids(self, message_ids: Sequence[str], identity: str) -> dict[str, tuple[int, ...]]: ...


class Layout(msgspec.Struct, frozen=True):
    """How a branch is laid out for a model: its system text, format and names, and whether it thinks."""

    system: str | None
    format: PromptFormat
    me: str
    you: str
    reasoning: bool | None = None


class Prompt(msgspec.Struct, frozen=True):
    """The ids to generate from, the receipt for them, and what the template's frames told."""

    ids: tuple[int, ...]
    receipt: Receipt
    control_tokens: tuple[str, ...] = ()
    reasoning: bool = False


class Assembler:
    """Assembles prompts and remembers tokenisations. One for a server's life."""

    def __init__(self) -> None:
        self._remembered: OrderedDict[tuple[str, str, bool], tuple[int, ...]] = OrderedDict()
        self._remembered_size = 0

    async def assemble(
        self,
        history: History,
        branch: Sequence[StoredMessage],
        layout: Layout,
        engine: Engine,
        *,
        max_tokens: int | None,
        prefix: tuple[int, ...] = (),
    ) -> Prompt:
        """Return the prompt for a reply to the last message of `branch`.

        `prefix` is the beginning of a reply that goes on. ContextLengthExceeded when the last
        message doesn't fit; NoTemplate when the model has none and `chat` format is asked for.
        """
        work = _Work(self, history, layout, engine)
        budget = Budget.of(engine.info.context_length, max_tokens)
        whole, prefix = prefix, prefix[-(budget.prompt // 2) :]
        room = budget.prompt - len(prefix)
        spoken = [message for message in branch if message.message.prompt_text.strip()]
        start = await asyncio.to_thread(_previous_start, history, branch, spoken, budget.context_length)
        contents = await work.newest_contents(spoken[start:], room)
        kept = spoken[len(spoken) - len(contents) :]
        full = len(kept) < len(spoken) - start
        while True:
            frames = await work.frames([message.role for message in kept])
            head, sizes = await work.measure(frames, kept, contents)
            _check_head(head, room)
            at = window_start(sizes, room - head, full=full)
            if at == 0:
                break
            kept, contents, full = kept[at:], contents[at:], False
        ids = await work.join(frames, contents)
        receipt = make_receipt(
            [message.id for message in branch],
            [message.id for message in kept],
            context_length=budget.context_length,
            prompt_tokens=len(ids) + len(prefix),
            empty=len(branch) - len(spoken),
            notes=_notes(kept, cut=len(whole) - len(prefix)),
        )
        return Prompt(
            ids=(*ids, *prefix),
            receipt=receipt,
            control_tokens=control_tokens(frame.text for frame in frames),
            reasoning=frames[-1].text.rstrip().endswith(THINK_BEGIN),
        )

    async def tokenize(self, engine: Engine, text: str, *, special: bool) -> tuple[int, ...]:
        """Return the ids of `text`, from memory when this engine's model has seen it lately."""
        key = (engine.info.identity, text, special)
        known = self._remembered.get(key)
        if known is None:
            known = await engine.tokenize(text, special=special) if text else ()
            self._remember(key, known)
        else:
            self._remembered.move_to_end(key)
        return known

    def _remember(self, key: tuple[str, str, bool], ids: tuple[int, ...]) -> None:
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

    def __init__(self, assembler: Assembler, history: History, layout: Layout, engine: Engine) -> None:
        self._assembler = assembler
        self._history = history
        self._layout = layout
        self._engine = engine

    async def newest_contents(self, messages: Sequence[StoredMessage], room: int) -> list[tuple[int, ...]]:
        """Return the ids of the newest messages, as many as could fit."""
        window = messages[-max(1, room) :]
        replies = [message.id for message in window if message.role is Role.ASSISTANT]
        identity = self._engine.info.identity
        sampled = await asyncio.to_thread(self._history.token_ids, replies, identity)
        contents: list[tuple[int, ...]] = []
        total = 0
        for message in reversed(window):
            ids = sampled.get(message.id) or await self._content(message.role, message.message.prompt_text)
            total += len(ids)
            if contents and total > room:
                break
            contents.append(ids)
        return contents[::-1]

    async def frames(self, roles: Sequence[Role]) -> tuple[Frame, ...]:
        """Return the frames around the system text (if any) and messages of these roles."""
        system = [] if self._layout.system is None else [Role.SYSTEM]
        everyone = [*system, *roles]
        if self._layout.format is PromptFormat.TRANSCRIPT:
            return transcript_frames(everyone, me=self._layout.me, you=self._layout.you)
        frames = frames_of(await self._render(everyone))
        if [frame.index for frame in frames[:-1]] != list(range(len(everyone))):
            raise BadRequest(
                f"the chat template of {self._engine.info.model} drops or repeats messages",
                hint="use another model, or `--format transcript`",
            )
        return frames

    async def _render(self, roles: Sequence[Role]) -> str:
        """Return what the template makes of `roles`.

        Some templates refuse a system text, or a dialogue that the model begins (a persona's first
        message): then the system text is told as a person's, or a greeting goes before.
        """
        refused: BadRequest | None = None
        for messages in tellings(roles):
            try:
                return await self._engine.render(messages, reasoning=self._layout.reasoning)
            except NoTemplate:
                raise
            except BadRequest as error:
                refused = refused or error
        assert refused is not None  # noqa: S101 - there is always a first telling
        raise refused

    async def measure(
        self,
        frames: Sequence[Frame],
        messages: Sequence[StoredMessage],
        contents: Sequence[tuple[int, ...]],
    ) -> tuple[int, list[Sized]]:
        """Return the tokens that no message owns (system text, the reply's frame) and all sizes."""
        framed = [len(await self._frame(frame)) for frame in frames]
        system = 0 if self._layout.system is None else 1
        head = framed[-1] + len(await self._bos()) + sum(framed[:system])
        if self._layout.system is not None:
            head += len(await self._content(Role.SYSTEM, self._layout.system))
        sizes = [
            Sized(message.id, message.role, len(ids) + frame)
            for message, ids, frame in zip(messages, contents, framed[system:], strict=False)
        ]
        return head, sizes

    async def join(self, frames: Sequence[Frame], contents: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the whole prompt's ids."""
        if self._layout.system is not None:
            contents = [await self._content(Role.SYSTEM, self._layout.system), *contents]
        ids = [*await self._bos()]
        for frame in frames:
            ids += await self._frame(frame)
            if frame.index is not None:
                ids += contents[frame.index]
        return tuple(ids)

    async def _bos(self) -> tuple[int, ...]:
        """A template writes its own beginning of text; a transcript doesn't."""
        return await self._engine.bos() if self._layout.format is PromptFormat.TRANSCRIPT else ()

    async def _frame(self, frame: Frame) -> tuple[int, ...]:
        """Names in a transcript's frames are people's text: no control tokens there."""
        special = self._layout.format is PromptFormat.CHAT
        return await self._assembler.tokenize(self._engine, frame.text, special=special)

    async def _content(self, role: Role, text: str) -> tuple[int, ...]:
        if self._layout.format is PromptFormat.TRANSCRIPT:
            text = transcript_content(role, text)
        return await self._assembler.tokenize(self._engine, text, special=False)


def _check_head(head: int, room: int) -> None:
    if head >= room:
        raise ContextLengthExceeded(
            f"the system text and its frame take {head} tokens; {room} are free for the whole prompt",
            hint="shorten the system text, or raise `context_length` if the model allows more",
            param="system",
        )


def _notes(kept: Sequence[StoredMessage], *, cut: int) -> list[str]:
    """Return in plain words what the model isn't given of messages that count as included."""
    notes = []
    if any(isinstance(part, ReasoningPart) for message in kept for part in message.parts):
        notes.append("the reasoning of earlier replies is left out")
    if cut:
        notes.append(f"the first {cut} tokens of the reply that goes on do not fit")
    return notes


def _previous_start(
    history: History, branch: Sequence[StoredMessage], spoken: Sequence[StoredMessage], context_length: int
) -> int:
    """Return where, in `spoken`, the window of the branch's last answered turn began.

    A smaller window than today's says nothing: what did not fit then may fit now.
    """
    for message in reversed(branch):
        if message.receipt is None:
            continue
        receipt = history.receipt(message.id)
        if receipt is None or not receipt.included or receipt.context_length < context_length:
            return 0
        return next((index for index, told in enumerate(spoken) if told.id == receipt.included[0]), 0)
    return 0


def layout_of(defaults: Defaults) -> Layout:
    """Return the layout with the names' defaults filled in."""
    return Layout(
        system=defaults.system or None,
        format=defaults.format or PromptFormat.CHAT,
        me=defaults.me or "User",
        you=defaults.you or "Assistant",
        reasoning=defaults.reasoning,
    )
