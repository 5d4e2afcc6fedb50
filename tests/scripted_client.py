"""A stand-in for the server's client: a tree in memory and replies that say what a test wants."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fireside.cards import EngineStatus, ImportSummary, ModelCard, Persona, ServerStatus
from fireside.cli.chat.input import Cleared
from fireside.cli.chat.session import Leave
from fireside.client.routes import Sent
from fireside.conversations import Conversation, ConversationPage, ReplyStatus, SearchHit, StoredMessage, Tree
from fireside.errors import EngineUnavailable, FiresideError, ModelNotFound, PersonaNotFound
from fireside.events import Event, Finished, Progress, Started, Text
from fireside.memories import Memories, Memory
from fireside.messages import Defaults, Part, Receipt, Role, TextPart, Timings, Usage
from fireside.predictions import Fits

MODEL = "file:/models/small.gguf"


class Remembered:
    """The memories of a stand-in."""

    def __init__(self) -> None:
        self.kept: list[Memory] = []
        self.on = False

    async def all(self) -> Memories:
        return Memories(self.on, tuple(self.kept))

    async def switch(self, *, on: bool) -> Memories:
        self.on = on
        return await self.all()

    async def add(self, text: str) -> Memory:
        self.kept.append(Memory(f"m{len(self.kept)}", text, 0, 0))
        return self.kept[-1]

    async def forget(self, memory_id: str) -> None:
        self.kept = [memory for memory in self.kept if memory.id != memory_id]


class NothingMeasured:
    """A server that can't tell how fast a model is."""

    async def of(self, references: Sequence[str]) -> Fits:
        raise EngineUnavailable(f"nothing was measured for {references[0]}")


class StandIn:
    """Answers every message with the next of `replies`. Attributes are what a test may look at or set."""

    def __init__(self) -> None:
        self.messages: list[StoredMessage] = []
        self.conversation: Conversation | None = None
        self.replies = ["One.", "Two.", "Three.", "Four."]
        self.events_before: list[Event] = []
        self.ending: Event = Finished("stop", Usage(20, 2, 15), Timings(120.0, 50.0, 160.0))
        self.refusal: FiresideError | None = None
        self.turns: list[Defaults] = []
        self.notices: tuple[str, ...] = ()
        self.omitted: tuple[str, ...] = ()
        self.hits: tuple[SearchHit, ...] = ()
        self.listed: tuple[Conversation, ...] = ()
        self.deleted: list[str] = []
        self.cards = [ModelCard(MODEL, "Small", "here", "Apache-2.0", 98_000_000, installed=True)]
        self.memories = Remembered()
        self.fits = NothingMeasured()
        self.people = [
            Persona("pirate", "You are a pirate.", first_message="Ahoy!", defaults=Defaults(you="Jack"))
        ]

    async def create_conversation(self, *, defaults: Defaults, temporary: bool) -> Conversation:
        self.conversation = Conversation("c1", "A title", 0, 0, defaults=defaults, temporary=temporary)
        self.messages = []
        return self.conversation

    async def send(
        self,
        conversation_id: str,
        said: str | Sequence[Part],
        *,
        parent_id: str | UnsetType | None = UNSET,
        turn: Defaults = Defaults(),  # noqa: B008
    ) -> Sent:
        if self.refusal:
            raise self.refusal
        assert not isinstance(parent_id, UnsetType)
        parts = (TextPart(said),) if isinstance(said, str) else tuple(said)
        mine = self._add(parent_id, Role.USER, parts)
        return Sent(mine, self._reply(mine.id, turn))

    async def regenerate(self, message_id: str, turn: Defaults) -> StoredMessage:
        return self._reply(message_id, turn)

    async def continue_reply(self, message_id: str, turn: Defaults) -> StoredMessage:
        before = await self.message(message_id)
        assert before.parent_id
        self.replies[0] = before.text + self.replies[0]
        return self._reply(before.parent_id, turn)

    def _reply(self, parent_id: str, turn: Defaults) -> StoredMessage:
        self.turns.append(turn)
        return self._add(parent_id, Role.ASSISTANT, (TextPart(self.replies.pop(0)),))

    def _add(self, parent_id: str | None, role: Role, parts: tuple[Part, ...]) -> StoredMessage:
        number = f"m{len(self.messages):03}"
        added = StoredMessage(number, "c1", parent_id, role, parts, ReplyStatus.COMPLETE, 0)
        self.messages.append(added)
        assert self.conversation
        self.conversation = msgspec.structs.replace(self.conversation, head_id=number)
        return added

    async def events(self, reply_id: str) -> AsyncIterator[Event]:
        yield Started(reply_id, "c1", MODEL, 1)
        for event in self.events_before:
            yield event
        for word in (await self.message(reply_id)).text.splitlines(keepends=True):
            yield Text(word)
        yield self.ending

    async def message(self, message_id: str) -> StoredMessage:
        return next(message for message in self.messages if message.id == message_id)

    async def tree(self, conversation_id: str) -> Tree:
        assert self.conversation
        return Tree(self.conversation, tuple(self.messages))

    async def update_conversation(self, conversation_id: str, **changes: Any) -> Conversation:
        assert self.conversation
        defaults = self.conversation.defaults.changed(changes.pop("choices", {}))
        self.conversation = msgspec.structs.replace(self.conversation, **{"defaults": defaults} | changes)
        return self.conversation

    async def delete_conversation(self, conversation_id: str) -> None:
        self.deleted.append(conversation_id)

    async def receipt(self, reply_id: str) -> Receipt:
        ids = tuple(message.id for message in self.messages)
        return Receipt(
            2048, 1024, tuple(each for each in ids if each not in self.omitted), omitted=self.omitted
        )

    async def conversations(self, *, query: str | None = None, limit: int | None = None) -> ConversationPage:
        return ConversationPage(self.listed)

    async def all_conversations(self, *, trash: bool = False) -> AsyncIterator[Conversation]:
        for conversation in self.listed:
            yield conversation

    async def search(self, query: str, *, limit: int = 20) -> tuple[SearchHit, ...]:
        return self.hits

    async def export_conversation(self, conversation_id: str, style: str) -> bytes:
        return f"as {style}".encode()

    async def import_file(self, path: Path) -> AsyncIterator[Progress | ImportSummary]:
        yield ImportSummary(2, 9, 1, ("one was broken",))

    async def models(self) -> list[ModelCard]:
        return self.cards

    async def model(self, reference: str) -> ModelCard:
        for card in self.cards:
            if card.reference == reference:
                return card
        raise ModelNotFound(f"there is no model {reference}", hint="look at /model")

    async def pull(self, reference: str) -> AsyncIterator[Progress | ModelCard]:
        yield Progress("fetching", 50, 100, "bytes")
        yield msgspec.structs.replace(await self.model(reference), installed=True)

    async def personas(self) -> list[Persona]:
        return self.people

    async def persona(self, name: str) -> Persona:
        if name != "pirate":
            raise PersonaNotFound(f"there is no persona {name}")
        return self.people[0]

    async def status(self) -> ServerStatus:
        engine = EngineStatus(MODEL, "llamacpp", "cpu", 2048, 1, 0, 10.0, None, None, self.notices)
        return ServerStatus("1", 1, "", "serve", 0, "", "", 0, None, MODEL, (engine,), 0, 0, 0, 0)


class Said:
    """A reader that enters what a test says, then leaves."""

    def __init__(self) -> None:
        self.remember = True
        self.lines: list[str | Cleared] = []
        self.prompts: list[tuple[str, str]] = []
        self.agrees = False

    async def read(self, prompt: str, draft: str) -> str:
        self.prompts.append((prompt, draft))
        line = self.lines.pop(0) if self.lines else Leave()
        if isinstance(line, Exception):
            raise line
        return line

    async def confirm(self, question: str) -> bool:
        return self.agrees


class Terminal(io.StringIO):
    """Remembers what was written, and says that it is a terminal."""

    def isatty(self) -> bool:
        return True
