"""A running reply as its watchers see it: its state, and what of it is on disk already."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from fireside.assembly import History
from fireside.chat import Draft, Turn
from fireside.conversations import Failure, ReplyStatus, StoredMessage
from fireside.engines.places import Promise
from fireside.events import Cursor, Event, Failed, Finished, Progress, Reasoning, ReceiptReady, Started, Text
from fireside.messages import Defaults, FinishReason, ReasoningPart, Receipt, Timings, Usage

INTERRUPTED = Failed(
    "interrupted",
    "the server ended in the middle of this reply; what was said is kept",
    "go on with `/continue`, or ask again with `/regen`",
)


class Store(History, Protocol):
    """What running replies need of the store."""

    def message(self, message_id: str) -> StoredMessage: ...

    def receipt(self, reply_id: str) -> Receipt | None: ...

    def start_reply(self, reply_id: str, *, defaults: Defaults, model: str) -> None: ...

    def journal(self, reply_id: str, *, text: str = "", reasoning: str = "") -> None: ...

    def set_receipt(self, reply_id: str, receipt: Receipt) -> None: ...

    def finish_reply(
        self,
        reply_id: str,
        *,
        status: ReplyStatus,
        text: str,
        reasoning: str = "",
        finish_reason: FinishReason | None,
        usage: Usage | None,
        timings: Timings | None,
        failure: Failure | None = None,
        token_ids: tuple[int, ...] = (),
        identity: str | None = None,
    ) -> StoredMessage: ...


class State:
    """What a reply has come to, as watchers may see it."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.receipt: Receipt | None = None
        self.reasoning = ""
        self.text = ""
        self.end: Finished | Failed | None = None
        self.progress: Progress | None = None

    def since(self, cursor: Cursor) -> list[tuple[Event, Cursor]]:
        """Return what `cursor` lacks, each event with the cursor after it: one moment's state."""
        missing: list[tuple[Event, Cursor]] = []

        def add(event: Event, **seen: bool | int) -> None:
            nonlocal cursor
            cursor = msgspec.structs.replace(cursor, **seen)
            missing.append((event, cursor))

        if not cursor.started:
            add(self.started, started=True)
        if self.receipt and not cursor.receipt:
            add(ReceiptReady(self.receipt), receipt=True)
        if thought := self.reasoning[cursor.reasoning :]:
            add(Reasoning(thought), reasoning=len(self.reasoning))
        if said := self.text[cursor.text :]:
            add(Text(said), text=len(self.text))
        if self.end and not cursor.ended:
            add(self.end, ended=True)
        return missing

    @classmethod
    def of(cls, reply: StoredMessage, receipt: Receipt | None) -> State:
        """Return the state of an ended reply as the store has it."""
        seed = reply.defaults.sampling.seed if reply.defaults else None
        state = cls(Started(reply.id, reply.conversation_id, reply.model or "", seed))
        state.receipt = receipt
        state.reasoning = reasoning_of(reply)
        state.text = reply.text
        state.end = _end_of(reply)
        return state


def reasoning_of(reply: StoredMessage) -> str:
    """Return what a reply's model thought before it answered."""
    return "".join(part.text for part in reply.parts if isinstance(part, ReasoningPart))


def _end_of(reply: StoredMessage) -> Finished | Failed:
    if reply.failure:
        return Failed(reply.failure.code, reply.failure.message, reply.failure.hint)
    if reply.status is ReplyStatus.INTERRUPTED or not reply.status.ended:
        return INTERRUPTED
    return Finished(
        reply.finish_reason or "stop",
        reply.usage or Usage(0, 0, None),
        reply.timings or Timings(None, None, 0.0),
    )


class Outcome(msgspec.Struct, frozen=True):
    """How a reply ended."""

    status: ReplyStatus
    reason: FinishReason
    failure: Failure | None = None


class Running:
    """A reply that is being generated, and the task that does it."""

    def __init__(self, reply: StoredMessage, turn: Turn, store: Store) -> None:
        self.id = reply.id
        self.conversation_id = reply.conversation_id
        self.turn = turn
        self.store = store
        self.draft = Draft()
        seed = turn.defaults.sampling.seed
        self.state = State(Started(reply.id, reply.conversation_id, turn.defaults.model or "", seed))
        self.state.text, self.state.reasoning = turn.continued_text, turn.continued_reasoning
        self._journalled = (len(turn.continued_text), len(turn.continued_reasoning))
        self._stored_receipt = False
        self.stop_as: ReplyStatus | None = None
        self.promise: Promise | None = None
        """its place in the queue, until it is there"""
        self.task: asyncio.Task[None] | None = None
        self.begun = False
        self.ending = False
        self.changed = asyncio.Event()
        """set at the next change; take it before looking, then wait for it"""

    def emit(self, event: Event) -> None:
        """Take in what the turn says and wake the watchers."""
        state = self.state
        if isinstance(event, Text):
            state.text += event.text
            state.progress = None
        elif isinstance(event, Reasoning):
            state.reasoning += event.text
            state.progress = None
        elif isinstance(event, ReceiptReady):
            state.receipt = event.receipt
        elif isinstance(event, Progress):
            state.progress = event
        elif isinstance(event, Finished | Failed):
            state.end = event
        self.changed.set()
        self.changed = asyncio.Event()

    def journal(self) -> None:
        """Store what is new since the last time."""
        state = self.state
        if state.receipt and not self._stored_receipt:
            self.store.set_receipt(self.id, state.receipt)
            self._stored_receipt = True
        text, thought = len(state.text), len(state.reasoning)
        if (text, thought) != self._journalled:
            said, thought_before = self._journalled
            self.store.journal(
                self.id, text=state.text[said:text], reasoning=state.reasoning[thought_before:thought]
            )
            self._journalled = (text, thought)

    def store_end(self, outcome: Outcome) -> None:
        """Store the reply as it ended."""
        draft, state = self.draft, self.state
        if state.receipt and not self._stored_receipt:
            self.store.set_receipt(self.id, state.receipt)
        self.store.finish_reply(
            self.id,
            status=outcome.status,
            text=state.text,
            reasoning=state.reasoning,
            finish_reason=outcome.reason,
            usage=draft.usage if state.receipt else None,
            timings=draft.timings,
            failure=outcome.failure,
            token_ids=draft.ids if draft.identity else (),
            identity=draft.identity,
        )

    def end_of(self, outcome: Outcome) -> Finished | Failed:
        """Return the last event of a reply that ended so."""
        if outcome.failure:
            return Failed(outcome.failure.code, outcome.failure.message, outcome.failure.hint)
        if outcome.status is ReplyStatus.INTERRUPTED:
            return INTERRUPTED
        return Finished(outcome.reason, self.draft.usage, self.draft.timings)
