"""Puts the parts together: one `App` is one server's data, models and running replies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from fireside.ahead import Ahead
from fireside.assembly import Assembler
from fireside.catalogue import Catalogue
from fireside.chat import Draft, Parts, Turn
from fireside.conversations import Conversation, ReplyStatus, StoredMessage, Warmth
from fireside.engines import machine
from fireside.engines.built import built_keys, chosen
from fireside.engines.leases import Engines
from fireside.engines.places import Promise
from fireside.engines.tuned import best_starter, profiles_of
from fireside.errors import (
    Conflict,
    EmptyMessage,
    FiresideError,
    TooLarge,
)
from fireside.finding import finder
from fireside.fitting import Fitting
from fireside.memory.snapshots import Snapshots
from fireside.messages import Defaults, Message, Place, Role, Sampling, said
from fireside.metrics import Metrics
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.models.references import place_of
from fireside.models.sources import Source
from fireside.models.sources.hub import HubSource
from fireside.models.sources.remote import RemoteSource
from fireside.personas import Personas
from fireside.reading_along import ReadingAlong
from fireside.replies import Replies
from fireside.retuning import Retuning
from fireside.running import reasoning_of
from fireside.settings import Home, Settings
from fireside.store import Store
from fireside.store.messages import kept_here
from fireside.warmth import Forecast, Speeds

MESSAGE_BYTES = 4_000_000
UPLOAD = "import-"
"""how files begin that hold an import while it is read"""
SEEDS = 2**32 - 1


class App:
    """The parts of a running server. Open it, use it, close it.

    Temporary conversations live in a store of their own that never touches the disk.
    """

    def __init__(
        self,
        settings: Settings,
        home: Home,
        store: Store,
        engines: Engines,
        snapshots: Snapshots,
        library: Library,
    ) -> None:
        self.settings = settings
        self.home = home
        self.store = store
        self.temporary = Store.in_memory()
        self.library = library
        self.personas = Personas(home.personas)
        self.engines = engines
        self.catalogue = Catalogue(library, engines, settings)
        self.snapshots = snapshots
        self.metrics = Metrics()
        self.files = ModelFiles(self.library, settings, profiles_of(settings, home).tuned)
        self.speeds = Speeds(home.speeds_file)
        self.fitting = Fitting(
            home.machine_file,
            settings,
            library,
            self.files,
            engines,
            self.speeds,
            best_starter(settings, home),
            lambda: chosen(settings, home.engines),
        )
        self.retuning = Retuning(engines, profiles_of(settings, home))
        self.finder = finder(library, os.environ, self.fitting.predictor, self.fitting.available_bytes)
        self.forecast = Forecast(engines, snapshots, self.speeds, built_keys(settings, home.engines))
        assembler = Assembler(memories=settings.memories)
        self.ahead = Ahead(engines, assembler)
        self.reading_along = ReadingAlong(engines, assembler)
        parts = Parts(self.files, engines, assembler)
        self.replies = Replies(parts, ended=self._count, stored=self.ahead.ended)

    @classmethod
    def open(
        cls,
        settings: Settings,
        home: Home,
        engines: Engines | None = None,
        library: Library | None = None,
    ) -> App:
        """Open the store and mark as interrupted what an earlier server left unfinished."""
        store = Store.open(home.database(settings), home.backups)
        store.interrupt_unfinished()
        for upload in home.data.glob(f"{UPLOAD}*"):
            upload.unlink()
        snapshots = Snapshots.open(home.snapshots, settings.snapshots_bytes, keeps=store.keeps)
        engines = engines or Engines(best_starter(settings, home, snapshots), settings)
        loaded = engines.statuses
        sources: dict[str, Source] = {
            "hf": HubSource(home.models, os.environ, lambda: machine.obtainable_bytes(loaded())),
            "remote": RemoteSource(home.models, os.environ, settings.remotes),
        }
        library = library or Library(home.models, os.environ, sources, home.aliases)
        return cls(settings, home, store, engines, snapshots, library)

    async def aclose(self) -> None:
        """Interrupt what still runs, end the engines (which save what they hold), close the stores."""
        await self.replies.drain(0)
        await self.reading_along.aclose()
        await self.ahead.aclose()
        await self.fitting.aclose()
        await self.retuning.aclose()
        await self.engines.aclose()
        self.finder.close()
        await asyncio.to_thread(self.speeds.save)
        self.temporary.close()
        self.store.close()

    def _count(self, draft: Draft) -> None:
        self.fitting.used(draft)
        if draft.file:
            self.retuning.used(draft.file)
        first_ms = draft.timings.first_token_ms
        self.metrics.reply(draft.usage, None if first_ms is None else first_ms / 1000)

    # -- where things are

    def store_of(self, conversation_id: str) -> Store:
        """Return the store that has the conversation."""
        return self.temporary if self.temporary.has_conversation(conversation_id) else self.store

    def store_of_message(self, message_id: str) -> Store:
        return self.temporary if self.temporary.has_message(message_id) else self.store

    # -- conversations

    def create_conversation(self, title: str, defaults: Defaults, *, temporary: bool) -> Conversation:
        """Create a conversation; a persona that speaks first has spoken in it."""
        resolved = self.resolve(defaults)
        store = self.temporary if temporary else self.store
        conversation = store.create_conversation(title=title, defaults=defaults, temporary=temporary)
        persona = self.personas.get(resolved.persona) if resolved.persona else None
        if persona and persona.first_message:
            first = said(Role.ASSISTANT, persona.first_message)
            store.add_message(conversation.id, first, parent_id=None)
            conversation = store.conversation(conversation.id)
        return conversation

    async def delete_conversation(self, conversation_id: str, *, forever: bool) -> None:
        """Put a conversation into the trash, or delete it for good; what runs in it is stopped.

        A temporary one is always deleted for good.
        """
        store = self.store_of(conversation_id)
        running = self.replies.running(conversation_id)
        await asyncio.gather(*(self.replies.stop(reply_id) for reply_id in running))
        forever = forever or store is self.temporary
        await asyncio.to_thread(store.delete_forever if forever else store.trash, conversation_id)
        await self.forget_what_was_read(conversation_id)

    async def forget_what_was_read(self, conversation_id: str) -> None:
        """Keep nothing on the disk of what models read in a conversation: its words can be found there."""
        self.reading_along.forget(conversation_id)
        self.ahead.forget(conversation_id)
        for engine in self.engines.alive:
            engine.forget(conversation_id)
        await asyncio.to_thread(self.snapshots.forget, conversation_id)

    async def trash_message(self, message_id: str) -> Conversation:
        """Put a message and all after it into the trash, and stop the replies that run there."""
        store = self.store_of_message(message_id)
        trashed = await asyncio.to_thread(store.trash_message, message_id)
        # Only now: whatever begins after it is refused there.
        await asyncio.gather(*(self.replies.stop(gone) for gone in trashed.message_ids))
        await self.forget_what_was_read(trashed.conversation.id)
        return trashed.conversation

    def told(self, several: Sequence[Conversation]) -> tuple[Conversation, ...]:
        """Return conversations of one store with what only a running server knows: what runs, how warm."""
        store = self.temporary if any(one.temporary for one in several) else self.store
        heads = store.heads([one for one in several if one.deleted_at is None])
        return tuple(self._told(one, heads.get(one.id), store) for one in several)

    def _told(self, conversation: Conversation, last: StoredMessage | None, store: Store) -> Conversation:
        model = ""
        with contextlib.suppress(FiresideError):  # a persona that is gone; somebody who asks is told
            model = self.resolve(conversation.defaults).model or ""
        place: Place = "here"
        with contextlib.suppress(FiresideError):
            place = place_of(self.library.meant(model))
        warmth = self._warmth(conversation, model, last, store) if place == "here" else None
        running = self.replies.running(conversation.id)
        return msgspec.structs.replace(conversation, running=running, warmth=warmth, place=place)

    def _warmth(
        self, conversation: Conversation, model: str, last: StoredMessage | None, store: Store
    ) -> Warmth | None:
        """Return how warm a conversation is, where `model` is here."""
        if last is None or not model:
            return None
        try:
            file = self.files.at_hand(model)
        except FiresideError:  # a model that is gone; somebody who asks is told
            return None
        if file is None:
            return None
        return self.forecast.of(conversation.id, file, last, lambda: store.branch(last.id))

    def resolve(self, *over: Defaults) -> Defaults:
        """Return the settings' defaults, then the persona's, then each of `over`, in this order.

        A model is always named; the description of a persona is its system text.
        """
        base = Defaults(
            model=self.settings.model,
            persona=self.settings.persona,
            sampling=msgspec.convert(msgspec.structs.asdict(self.settings.sampling), Sampling),
        )
        named = base
        for defaults in over:
            named = named.merged(defaults)
        if named.persona is None:
            return named
        persona = self.personas.get(named.persona)
        resolved = base.merged(persona.defaults).merged(Defaults(system=persona.description))
        for defaults in over:
            resolved = resolved.merged(defaults)
        return resolved

    # -- turns

    async def post(
        self,
        conversation_id: str,
        message: Message,
        over: Defaults,
        parent_id: str | UnsetType | None = UNSET,
    ) -> tuple[StoredMessage, StoredMessage]:
        """Store a person's message and start the reply to it; both are on disk on return.

        TooBusy, with nothing stored, while the queue is full.
        """
        _check_size(message)
        store = self.store_of(conversation_id)
        conversation = await asyncio.to_thread(store.conversation, conversation_id)
        defaults = await self._ready_to_answer(message, conversation.defaults, over)
        async with self._promised(defaults, conversation_id) as promise:
            asked, reply = await asyncio.to_thread(
                store.add_turn,
                conversation_id,
                message,
                parent_id=parent_id,
                defaults=defaults,
                model=defaults.model or "",
            )
        self.replies.start(reply, Turn(asked.id, defaults), store, promise)
        return asked, reply

    async def regenerate(self, message_id: str, over: Defaults) -> StoredMessage:
        """Start one more reply to a person's message, or a sibling of a reply."""
        store = self.store_of_message(message_id)
        message = kept_here(await asyncio.to_thread(store.message, message_id))
        asked = message.id if message.role is Role.USER else message.parent_id
        if asked is None:
            raise Conflict("this message answers nothing", hint="regenerate a reply to a message")
        return await self._reply_to(store, asked, message.conversation_id, over, None)

    async def edit_reply(self, message_id: str, text: str) -> StoredMessage:
        """Store what a person makes of a reply: a sibling with `text`, which becomes the head.

        Nobody's model wrote it, so it names none. A person's own message is edited by another one.
        """
        store = self.store_of_message(message_id)
        message = kept_here(await asyncio.to_thread(store.message, message_id))
        if message.role is not Role.ASSISTANT:
            raise Conflict("this is not a reply", hint="post the new text with the same `parent_id`")
        if not message.status.ended:
            raise Conflict("this reply still runs", hint="stop it first, or wait for its end")
        edited = said(Role.ASSISTANT, text)
        _check_size(edited)
        return await asyncio.to_thread(
            store.add_message, message.conversation_id, edited, parent_id=message.parent_id
        )

    async def continue_reply(self, message_id: str, over: Defaults) -> StoredMessage:
        """Start a sibling that begins with what the reply said and goes on."""
        store = self.store_of_message(message_id)
        message = kept_here(await asyncio.to_thread(store.message, message_id))
        if not message.status.ended:
            raise Conflict("this reply still runs", hint="stop it first, or wait for its end")
        cut = message.finish_reason in ("length", "repetition") or message.status in (
            ReplyStatus.STOPPED,
            ReplyStatus.INTERRUPTED,
        )
        if message.role is not Role.ASSISTANT or message.parent_id is None or not cut:
            raise Conflict("this reply came to its own end", hint="only a reply that was cut goes on")
        over = _named_by(message).merged(over)
        return await self._reply_to(store, message.parent_id, message.conversation_id, over, message)

    async def _reply_to(
        self,
        store: Store,
        asked_id: str,
        conversation_id: str,
        over: Defaults,
        continued: StoredMessage | None,
    ) -> StoredMessage:
        asked = await asyncio.to_thread(store.message, asked_id)
        _check_size(asked.message)
        conversation = await asyncio.to_thread(store.conversation, conversation_id)
        defaults = await self._ready_to_answer(asked.message, conversation.defaults, over)
        turn = Turn(asked_id, defaults)
        if continued:
            turn = Turn(asked_id, defaults, (), continued.id, continued.text, reasoning_of(continued))
        async with self._promised(defaults, conversation_id) as promise:
            reply = await asyncio.to_thread(
                store.add_reply,
                asked_id,
                defaults=defaults,
                model=defaults.model or "",
                continues=turn.continued_id,
                text=turn.continued_text,
                reasoning=turn.continued_reasoning,
            )
        self.replies.start(reply, turn, store, promise)
        return reply

    @contextlib.asynccontextmanager
    async def _promised(self, defaults: Defaults, conversation_id: str) -> AsyncIterator[Promise]:
        """Give a place in the queue while the turn is stored; it is given up where that fails."""
        reference = await asyncio.to_thread(self.catalogue.engine_reference, defaults.model or "")
        promise = self.engines.promise(reference, conversation_id)
        try:
            yield promise
        except BaseException:
            promise.end()
            raise

    async def _ready_to_answer(self, message: Message, conversation: Defaults, over: Defaults) -> Defaults:
        """Return resolved defaults with a seed; refuse early what can't be answered."""
        resolved = self.resolve(conversation, over)
        resolved = await asyncio.to_thread(self.catalogue.ready_to_answer, resolved, message)
        if resolved.sampling.seed is None:
            sampling = msgspec.structs.replace(resolved.sampling, seed=secrets.randbelow(SEEDS))
            resolved = msgspec.structs.replace(resolved, sampling=sampling)
        return resolved


def _named_by(message: StoredMessage) -> Defaults:
    """Return what a reply was generated with, its seed left out: a continuation differs."""
    defaults = message.defaults or Defaults()
    return msgspec.structs.replace(defaults, sampling=msgspec.structs.replace(defaults.sampling, seed=None))


def _check_size(message: Message) -> None:
    if not message.prompt_text.strip():
        raise EmptyMessage("the message is empty", hint="write something, or attach a file", param="text")
    size = len(message.prompt_text.encode("utf-8", "replace"))
    if size > MESSAGE_BYTES:
        raise TooLarge(
            f"the message has {size:,} bytes; {MESSAGE_BYTES:,} is the most",
            hint="send it in parts",
            param="text",
        )
