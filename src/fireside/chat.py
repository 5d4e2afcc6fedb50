"""One turn, from a stored question to a tidied answer. Read this first.

`run_turn` makes sure that the model is there, leases an engine that has it, assembles the prompt,
and streams what the engine generates through `Tidy` into events. It owns no task and no storage:
`replies` runs it, journals what it emits, and stops it by cancelling.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Protocol

import msgspec

from fireside.assembly import Assembler, History, Layout, Prompt, layout_of
from fireside.conversations import StoredMessage
from fireside.engines.places import Place, Promise, Waiting
from fireside.engines.protocol import (
    Ended,
    Engine,
    Generated,
    LoadProgress,
    ModelFile,
    Notice,
    Origin,
    Piece,
    Reading,
)
from fireside.errors import EngineError, NoTemplate
from fireside.events import Event, Progress, Reasoning, ReceiptReady, Text
from fireside.messages import Defaults, FinishReason, PromptFormat, Receipt, Role, Timings, Usage
from fireside.prompt import transcript_content
from fireside.tidy import Cuts, Tidy, speaker_turns

Emit = Callable[[Event], None]


class Models(Protocol):
    """What a turn needs of the models room."""

    async def ensure(self, reference: str, emit: Emit) -> ModelFile:
        """Return the model's file, fetched first if it isn't here."""
        ...


class Engines(Protocol):
    """What a turn needs of the engines room."""

    def lease(
        self,
        model: ModelFile,
        progress: LoadProgress | None = None,
        *,
        who: str = "",
        waiting: Waiting | None = None,
        promise: Promise | None = None,
    ) -> AbstractAsyncContextManager[Engine]: ...


class Parts(msgspec.Struct, frozen=True):
    """The parts that turns share."""

    models: Models
    engines: Engines
    assembler: Assembler


class Turn(msgspec.Struct, frozen=True):
    """What is to be answered: the branch up to the question, and how.

    `question_id` is the last message of the branch; the branch itself is read when its earlier
    replies have ended. `defaults` are resolved: model and seed are set. A reply that goes on has
    what the one that it continues said.
    """

    question_id: str
    defaults: Defaults
    branch: tuple[StoredMessage, ...] = ()
    continued_id: str | None = None
    continued_text: str = ""
    continued_reasoning: str = ""


class Draft:
    """What a running turn has come to. Whoever cancels the turn finds here what was said."""

    def __init__(self) -> None:
        self.begun_at = time.monotonic()
        self.reading_at: float | None = None
        self.first_token_at: float | None = None
        self.last_token_at: float | None = None
        self.identity: str | None = None
        self.file: ModelFile | None = None
        self.load_ms: float | None = None
        self.prompt_tokens = 0
        self.cached_tokens: int | None = None
        self.completion_tokens = 0
        self.tidy: Tidy | None = None
        self.prefix: tuple[int, ...] = ()
        self.rest_ids: tuple[int, ...] = ()

    def took(self, tokens: int) -> None:
        self.last_token_at = time.monotonic()
        self.first_token_at = self.first_token_at or self.last_token_at
        self.completion_tokens += tokens

    def reads(self, cached_tokens: int) -> None:
        self.cached_tokens = cached_tokens
        self.reading_at = self.reading_at or time.monotonic()

    @property
    def reading_s(self) -> float:
        """How long the engine read the prompt; 0 where it didn't say, or never ended."""
        return self.first_token_at - self.reading_at if self.first_token_at and self.reading_at else 0.0

    @property
    def writing_s(self) -> float:
        """How long the reply was written, its first token left out: that one's time is the prompt's."""
        first, last = self.first_token_at, self.last_token_at
        return last - first if first and last else 0.0

    @property
    def usage(self) -> Usage:
        return Usage(self.prompt_tokens, self.completion_tokens, self.cached_tokens)

    @property
    def timings(self) -> Timings:
        first, spent = self.first_token_at, self.writing_s
        return Timings(
            first_token_ms=(first - self.begun_at) * 1000 if first else None,
            tokens_per_second=(self.completion_tokens - 1) / spent if spent else None,
            total_ms=(time.monotonic() - self.begun_at) * 1000,
        )

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids that spell the whole reply; none when they don't spell all of it."""
        kept, rest = self.tidy.kept_ids() if self.tidy else ((), "")
        if rest and not self.rest_ids:
            return ()
        return (*self.prefix, *kept, *self.rest_ids)


async def run_turn(
    turn: Turn,
    parts: Parts,
    history: History,
    draft: Draft,
    emit: Emit,
    promise: Promise | None = None,
) -> FinishReason:
    """Answer `turn`; what is said goes to `emit`, counts and ids to `draft`.

    `promise` is its place in the queue, where it has one already. Raises FiresideError where it
    can't; cancelling it frees the engine's slot.
    """
    reference = turn.defaults.model or ""
    file = await parts.models.ensure(reference, emit)
    draft.identity, draft.file = file.identity, file
    layout = layout_of(turn.defaults, has_template=file.has_template)
    if layout.format is PromptFormat.CHAT and not file.has_template:
        raise NoTemplate(
            f"{reference} has no chat template: it was not made for dialogues",
            hint="use `--format transcript`, or an instruct model",
        )

    def loaded(share: float) -> None:
        emit(Progress("loading", share, 1.0, "share"))

    def queued(place: Place) -> None:
        expected = None if place.expected_s is None else f"~{place.expected_s:.0f} s"
        emit(Progress("queued", place.position, None, "replies", expected))

    who = turn.branch[-1].conversation_id
    async with parts.engines.lease(file, loaded, who=who, waiting=queued, promise=promise) as engine:
        prompt = await _assemble(turn, parts.assembler, history, layout, engine, draft)
        draft.prompt_tokens, draft.load_ms = prompt.receipt.prompt_tokens, engine.info.load_ms
        draft.tidy = Tidy(_cuts(turn, layout, prompt))
        sampling, room = turn.defaults.sampling, engine.info.context_length - len(prompt.ids)
        limit = max(1, min(sampling.max_tokens or room, room))
        origin = Origin(who, turn.question_id)
        steps = engine.generate(prompt.ids, sampling, max_tokens=limit, origin=origin)
        async with aclosing(steps) as generated:
            first = await _tell_receipt(generated, prompt.receipt, emit)
            reason = await _stream(first, generated, draft, draft.tidy, emit)
        _, rest = draft.tidy.kept_ids()
        with contextlib.suppress(EngineError):  # the reply is whole; its ids are found anew next time
            draft.rest_ids = await parts.assembler.tokenize(engine, rest, special=False)
    return reason


async def _assemble(
    turn: Turn,
    assembler: Assembler,
    history: History,
    layout: Layout,
    engine: Engine,
    draft: Draft,
) -> Prompt:
    if turn.continued_id and turn.continued_text:
        known = await asyncio.to_thread(history.token_ids, [turn.continued_id], engine.info.identity)
        text = turn.continued_text
        if layout.format is PromptFormat.TRANSCRIPT:
            text = transcript_content(Role.ASSISTANT, text)
        draft.prefix = known.get(turn.continued_id) or await assembler.tokenize(engine, text, special=False)
    return await assembler.assemble(
        history,
        turn.branch,
        layout,
        engine,
        max_tokens=turn.defaults.sampling.max_tokens,
        prefix=draft.prefix,
    )


async def _tell_receipt(generated: AsyncIterator[Generated], receipt: Receipt, emit: Emit) -> Generated:
    """Tell the receipt, with what the engine notes before it begins; return the first step."""
    reasons = [receipt.reason] if receipt.reason else []
    try:
        async for step in generated:
            if not isinstance(step, Notice):
                return step
            reasons.append(step.text)
    finally:
        emit(ReceiptReady(msgspec.structs.replace(receipt, reason="; ".join(reasons) or None)))
    return Ended("stop", receipt.prompt_tokens, None, 0)


async def _stream(
    first: Generated, generated: AsyncIterator[Generated], draft: Draft, tidy: Tidy, emit: Emit
) -> FinishReason:
    """Pass on what is generated until the engine or `tidy` ends it."""
    step: Generated | None = first
    while step is not None:
        if isinstance(step, Piece):
            draft.took(len(step.ids))
            _show(tidy, step.text, step.ids, emit)
            if tidy.ended:
                return tidy.ended
        elif isinstance(step, Reading):
            draft.reads(step.cached_tokens)
            emit(Progress("reading", step.done_tokens, step.prompt_tokens))
        elif isinstance(step, Ended):
            draft.prompt_tokens, draft.cached_tokens = step.prompt_tokens, step.cached_tokens
            draft.completion_tokens = step.completion_tokens
            last = tidy.finish()
            _emit_text(last.reasoning, last.text, emit)
            return step.reason
        step = await anext(generated, None)
    return "stop"


def _show(tidy: Tidy, text: str, ids: Sequence[int], emit: Emit) -> None:
    shown = tidy.feed(text, ids)
    _emit_text(shown.reasoning, shown.text, emit)


def _emit_text(reasoning: str, text: str, emit: Emit) -> None:
    if reasoning:
        emit(Reasoning(reasoning))
    if text:
        emit(Text(text))


def _cuts(turn: Turn, layout: Layout, prompt: Prompt) -> Cuts:
    """Return what ends this reply: stop strings, template tokens, and turns nobody took."""
    named = layout.format is PromptFormat.TRANSCRIPT or turn.defaults.me or turn.defaults.you
    people = "\n".join(message.text for message in turn.branch[-6:] if message.role is Role.USER)
    turns = speaker_turns(layout.me, layout.you, people) if named else ()
    return Cuts(
        stops=turn.defaults.sampling.stop or (),
        turns=(*turns, *prompt.control_tokens),
        labels=(f"{layout.you}:",),
        reasoning=prompt.reasoning and not turn.continued_text,
        begun=bool(turn.continued_text),
    )
