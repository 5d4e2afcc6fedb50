"""How fast one model answers on this machine: asked as a person asks it, by the clock of who asks.

Everything is asked in temporary conversations, which are deleted afterwards. No text is asked twice: what a
model has read once it doesn't read again. See docs/guides/how-fast.md.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

from fireside.busyness import others_compute
from fireside.cards import EngineStatus, ModelCard
from fireside.client.benched import TELLING_TOKENS, Answers, Asked, Benched, Kind, Together
from fireside.client.chats import AsyncChat
from fireside.client.routes import AsyncClient
from fireside.errors import BadRequest, EngineError, FiresideError, ModelNotFound
from fireside.events import Progress, Reasoning, Text
from fireside.messages import Defaults, Sampling
from fireside.predictions import READ_TOKENS

TRIES = 3
ENOUGH_S = 45.0
"""After this time nothing is tried once more."""
LONG_TOKENS = 2_000
WINDOW_SHARE = 0.5
"""of the model's window, for the long text at the most"""
LONGEST_S = 12.0
"""for reading it: a slow machine is given a shorter one"""
REPLY_S = 3.0
"""for writing a reply that tells how fast that goes, within these tokens"""
LEAST_REPLY_TOKENS, MOST_REPLY_TOKENS = TELLING_TOKENS, 64
SHORT_REPLY_TOKENS = 8
MOST_TOGETHER = 8
"""conversations at once, however many slots there are"""
TOKENS_OF_A_SENTENCE = 21.0
"""about; how many they really are is counted by the model"""

Tell = Callable[[Progress], None]


async def bench(client: AsyncClient, reference: str, told: Tell) -> Benched:
    """Measure a model, in about a minute, and return what was found; `told` hears how far that is.

    ModelNotFound where it isn't here yet, BadRequest for one that runs elsewhere or writes no replies.
    """
    card = await client.model(reference)
    _check(card)
    predicted = (await client.fits.of([card.reference])).fits[0].prediction
    began, was_busy = time.monotonic(), await others_compute()
    own_server = (await client.settings()).get("llama_server")
    async with _asking(client, card, told) as questions:
        await questions.warm_up()
        status = await questions.status()
        short = await questions.short()
        hundred_words = Answers.of(await questions.read(READ_TOKENS))
        room = status.context_length * WINDOW_SHARE, hundred_words.read_tokens_per_s.median * LONGEST_S
        long, following = await questions.long(round(min(LONG_TOKENS, *room)))
        together = await questions.together(status.slots, short)
        held = await questions.status()
    found = Answers.of(short), Answers.of(long)
    return Benched(
        model=card.reference,
        name=card.name,
        engine=status.engine,
        kind=_kind(status, own_server),
        build=status.build,
        device=status.device,
        context_length=status.context_length,
        slots=status.slots,
        threads=status.threads,
        prompt_threads=status.prompt_threads,
        tuned=status.tuned,
        load_s=status.load_ms / 1000,
        memory_bytes=held.resident_bytes,
        short=found[0],
        hundred_words=hundred_words,
        long=found[1],
        following=Answers.of(following),
        together=together,
        predicted=predicted,
        was_busy=was_busy or not all(one.is_steady for one in found),
        took_s=time.monotonic() - began,
    )


def _check(card: ModelCard) -> None:
    if card.place == "elsewhere":
        raise BadRequest(
            f"{card.name} runs elsewhere, at its own speed",
            hint="name a model of this machine",
            param="model",
        )
    if card.purpose != "chat":
        raise BadRequest(f"{card.name} writes no replies", hint="name a model to talk with", param="model")
    if not card.installed:
        raise ModelNotFound(
            f"{card.reference} isn't here yet", hint=f"fetch it: fireside models pull {card.reference}"
        )


def _kind(status: EngineStatus, own_server: str | None) -> Kind:
    if status.engine != "llamacpp":
        return "other"
    if own_server:
        return "own"
    return "built" if status.build.startswith("llama-server") else "prebuilt"


@asynccontextmanager
async def _asking(client: AsyncClient, card: ModelCard, told: Tell) -> AsyncGenerator[_Questions, None]:
    """Give what asks; afterwards, however that ends, its conversations are deleted."""
    questions = _Questions(client, card, told)
    try:
        yield questions
    finally:
        # Shielded, for whoever cancels may cancel again meanwhile.
        await asyncio.shield(asyncio.ensure_future(questions.forget()))


class _Questions:
    """Asks one model, a little more often than once, in conversations that are forgotten."""

    STEPS = 3 * TRIES + 1

    def __init__(self, client: AsyncClient, card: ModelCard, told: Tell) -> None:
        self._client = client
        self._card = card
        self._told = told
        self._chats: list[AsyncChat] = []
        self._done = 0
        self._reply_tokens = LEAST_REPLY_TOKENS
        self._end = time.monotonic() + ENOUGH_S
        self._chance = random.Random()  # noqa: S311 - texts that nobody has read before, no secrets

    async def warm_up(self) -> None:
        """Load the model, and find out how long replies may be."""
        asked = await self.ask(self.chat(SHORT_REPLY_TOKENS), "Hello.")
        tokens_per_s = asked.completion_tokens / max(asked.writing_s, 0.01)
        self._reply_tokens = round(min(max(LEAST_REPLY_TOKENS, tokens_per_s * REPLY_S), MOST_REPLY_TOKENS))

    async def short(self) -> list[Asked]:
        return await self._tries(lambda: self.ask(self.chat(), self._story()))

    async def read(self, tokens: int) -> list[Asked]:
        return await self._tries(lambda: self.ask(self.chat(SHORT_REPLY_TOKENS), self._text(tokens)))

    async def long(self, tokens: int) -> tuple[list[Asked], list[Asked]]:
        """Return how long texts were answered, and then a short question behind each of them."""
        following: list[Asked] = []

        async def once() -> Asked:
            chat = self.chat()
            first = await self.ask(chat, f"{self._text(tokens)}\n\n{self._story()}")
            following.append(await self.ask(chat, "And then?"))
            return first

        return await self._tries(once), following

    async def together(self, slots: int, alone: Sequence[Asked]) -> Together:
        chats = [self.chat() for _ in range(min(slots, MOST_TOGETHER))]
        began = time.perf_counter()
        answers = await asyncio.gather(*(self.ask(chat, self._story()) for chat in chats))
        spent_s = time.perf_counter() - began
        self._step()
        return Together(
            conversations=len(chats),
            tokens_per_s=sum(one.completion_tokens for one in answers) / spent_s,
            alone_tokens_per_s=statistics.median(one.completion_tokens / one.total_s for one in alone),
        )

    def chat(self, tokens: int | None = None) -> AsyncChat:
        """Return a new conversation whose replies have so many tokens at the most, or as many as tell."""
        sampling = Sampling(max_tokens=tokens or self._reply_tokens, temperature=0.8)
        defaults = Defaults(model=self._card.reference, sampling=sampling, reasoning=False)
        self._chats.append(AsyncChat.over(self._client, defaults, conversation=None, temporary=True))
        return self._chats[-1]

    async def ask(self, chat: AsyncChat, text: str) -> Asked:
        began = time.perf_counter()
        first_s = last_s = 0.0
        async with aclosing(chat.events(text)) as events:
            async for event in events:
                if isinstance(event, Text | Reasoning):
                    last_s = time.perf_counter() - began
                    first_s = first_s or last_s
                elif isinstance(event, Progress) and event.stage in ("queued", "loading"):
                    self._told(event)
        total_s = time.perf_counter() - began
        usage = chat.last.usage if chat.last else None
        if usage is None or not first_s:
            raise EngineError("the model said nothing that could be measured", hint="try another model")
        return Asked(
            first_word_s=first_s,
            total_s=total_s,
            read_tokens=max(1, usage.prompt_tokens - (usage.cached_tokens or 0)),
            completion_tokens=usage.completion_tokens,
            writing_s=last_s - first_s,
        )

    async def status(self) -> EngineStatus:
        """Return the engine that has the model."""
        names = (self._card.reference, self._card.loaded_as, self._card.alias_of)
        engines = (await self._client.status()).engines
        found = next((one for one in engines if one.model in names), None)
        if found is None:
            raise EngineError(f"{self._card.name} was unloaded meanwhile", hint="try again")
        return found

    async def forget(self) -> None:
        for chat in self._chats:
            if chat.conversation_id is not None:
                with suppress(FiresideError):
                    await self._client.delete_conversation(chat.conversation_id)

    async def _tries(self, ask: Callable[[], Awaitable[Asked]]) -> list[Asked]:
        """Return a few answers; one, where the time is over."""
        answers: list[Asked] = []
        for _ in range(TRIES):
            if not answers or time.monotonic() < self._end:
                answers.append(await ask())
            self._step()
        return answers

    def _step(self) -> None:
        self._done += 1
        self._told(Progress("measuring", self._done, self.STEPS, "share"))

    def _story(self) -> str:
        return f"Tell a long story about the ship with the number {self._number()}, with many details."

    def _text(self, tokens: int) -> str:
        return " ".join(self._sentence() for _ in range(max(1, round(tokens / TOKENS_OF_A_SENTENCE))))

    def _sentence(self) -> str:
        keeper, ships = self._number(), self._number()
        return (
            f"The keeper of lighthouse {keeper} counted {ships} ships that passed below his window that day."
        )

    def _number(self) -> int:
        return self._chance.randrange(100, 1000)
