"""A conversation with a scripted engine and a store in memory, for tests of turns and replies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import update

from fireside.assembly import Assembler, Typed, layout_of
from fireside.chat import Emit, Parts, Turn
from fireside.conversations import Conversation, StoredMessage
from fireside.engines.places import Promise, Waiting
from fireside.engines.protocol import Engine, LoadProgress, ModelFile
from fireside.events import Cursor, Event, Progress, Text
from fireside.messages import Defaults, PromptFormat, Role, Sampling, said
from fireside.reading_along import Unsent
from fireside.replies import Replies
from fireside.store import Store
from fireside.store.schema import messages
from scripted import ScriptedEngine, a_model

PLAIN = Defaults(model="scripted", sampling=Sampling(seed=1))


@dataclass
class OneEngine:
    """A pool that always leases the same engine."""

    engine: ScriptedEngine

    @asynccontextmanager
    async def lease(
        self,
        model: ModelFile,
        progress: LoadProgress | None = None,
        *,
        who: str = "",
        waiting: Waiting | None = None,
        promise: Promise | None = None,
    ) -> AsyncIterator[Engine]:
        yield self.engine


@dataclass
class OneModel:
    file: ModelFile

    async def ensure(self, reference: str, emit: Emit) -> ModelFile:
        return self.file


@dataclass
class Talk:
    """A conversation with a scripted engine, and the few calls that a test makes of it."""

    store: Store
    engine: ScriptedEngine
    file: ModelFile
    defaults: Defaults
    assembler: Assembler = field(init=False)
    replies: Replies = field(init=False)
    conversation: Conversation = field(init=False)
    prompts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """of replies, for tests that compare them"""
    ready: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """what was read ahead after replies"""

    def __post_init__(self) -> None:
        self.assembler = Assembler()
        parts = Parts(OneModel(self.file), OneEngine(self.engine), self.assembler)
        self.replies = Replies(parts)
        self.conversation = self.store.create_conversation()

    def begin(self, text: str, **over: object) -> StoredMessage:
        """Store a question and start its reply."""
        head = self.store.conversation(self.conversation.id).head_id
        defaults = self.defaults.merged(Defaults(**over))  # type: ignore[arg-type]
        _, reply = self.store.add_turn(
            self.conversation.id, said(Role.USER, text), parent_id=head, defaults=defaults, model="scripted"
        )
        assert reply.parent_id
        self.replies.start(reply, Turn(reply.parent_id, defaults), self.store)
        return reply

    def pin(self, message_id: str) -> None:
        """Pin a message, as its row says it."""
        with self.store._database.writing() as connection:
            connection.execute(update(messages).where(messages.c.id == message_id).values(pinned=True))

    def begin_again(self, reply: StoredMessage, continued: StoredMessage | None = None) -> StoredMessage:
        """Start a sibling of `reply`, one that goes on from `continued` if it is given."""
        assert reply.parent_id
        again = self.store.add_reply(
            reply.parent_id,
            defaults=self.defaults,
            model="scripted",
            continues=continued.id if continued else None,
            text=continued.text if continued else "",
        )
        turn = Turn(reply.parent_id, self.defaults)
        if continued:
            turn = Turn(reply.parent_id, self.defaults, (), continued.id, continued.text)
        self.replies.start(again, turn, self.store)
        return again

    async def watch(self, reply: StoredMessage, cursor: Cursor = Cursor()) -> list[Event]:  # noqa: B008
        """Return all events of a reply but the passing ones."""
        seen = [event async for event, _ in self.replies.watch(reply, self.store, cursor)]
        return [event for event in seen if event and not isinstance(event, Progress)]

    async def ask(self, text: str, **over: object) -> StoredMessage:
        """Return the ended reply to `text`."""
        reply = self.begin(text, **over)
        await self.watch(reply)
        return self.store.message(reply.id)

    def unsent(self, text: str) -> Unsent:
        """Return what somebody has typed behind the head."""
        head = self.store.conversation(self.conversation.id).head_id
        return Unsent(self.conversation.id, head, text, self.defaults, self.file, self.store)

    async def typed(self, text: str) -> Typed | None:
        """Return how the prompt begins while `text` is being typed."""
        unsent = self.unsent(text)
        return await self.assembler.typed(
            self.store,
            self.store.branch(unsent.head_id) if unsent.head_id else (),
            unsent.question,
            layout_of(self.defaults),
            self.engine,
            max_tokens=self.defaults.sampling.max_tokens,
            goes_on=unsent.goes_on,
        )

    async def until(self, reply: StoredMessage, text: str) -> Cursor:
        """Watch until `text` was said; return the cursor there."""
        heard = ""
        async for event, cursor in self.replies.watch(reply, self.store, Cursor()):
            heard += event.text if isinstance(event, Text) else ""
            if text in heard:
                return cursor
        raise AssertionError(f"{text!r} was never said, but {heard!r}")


class MakeTalk:
    """Makes talks; closes their stores in the end."""

    def __init__(self) -> None:
        self.stores: list[Store] = []

    def __call__(
        self,
        replies: object = ("Hello there.",),
        *,
        defaults: Defaults | None = None,
        crash_at: int | None = None,
        **model: object,
    ) -> Talk:
        file = a_model(**model)  # type: ignore[arg-type]
        engine = ScriptedEngine(replies, model=file, crash_at=crash_at)  # type: ignore[arg-type]
        self.stores.append(Store.in_memory())
        return Talk(self.stores[-1], engine, file, defaults or PLAIN)


ALICE_AND_BOB = Defaults(
    model="scripted",
    system="Bob is a professor in Physics.",
    sampling=Sampling(seed=1),
    format=PromptFormat.TRANSCRIPT,
    me="Alice",
    you="Bob",
)
"""The dialogue that Fireside grew from."""
