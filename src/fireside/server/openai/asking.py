"""One choice of an answer: from a checked request to what the engine says, checked on its way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from fireside.app import App
from fireside.cards import ModelCard
from fireside.catalogue import check_sees
from fireside.engines.protocol import Engine, EngineInfo
from fireside.errors import ContextLengthExceeded, NoTemplate, NoVision
from fireside.messages import Sampling
from fireside.server.callers import Caller
from fireside.server.openai.answers import Gathered
from fireside.server.openai.chunks import Said, spoken
from fireside.server.openai.conversation import check_pictures
from fireside.server.openai.forged import made_plain, texts_in
from fireside.server.openai.overflow import fitted
from fireside.server.openai.requests import Sampled, engine_seed, sampling_body
from fireside.server.relay import leased, reference_of

Path = Literal["/v1/chat/completions", "/v1/completions"]
Reader = Callable[[AsyncIterator[Said]], AsyncGenerator[Said, None]]
LONGEST_TOKEN = 64
"""characters; longer ones stand for runs of spaces"""
STREAMED = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
"""Asked in any other way, the engine doesn't notice that somebody has left."""


class Question(msgspec.Struct, frozen=True):
    """What an engine is asked. `body` depends on what the engine's template can do."""

    model: str | None
    path: Path
    prompt_field: str
    sampled: Sampled
    max_tokens: int | None
    body: Callable[[EngineInfo], dict[str, Any]]
    reader: Callable[[EngineInfo], Reader | None] = lambda info: None
    fits: int = 0
    """of how many messages a request is that asked to be fitted into the window; 0 where it didn't"""
    pictures: str | None = None
    """where the first picture is, if there is one"""
    weighs: bool = False
    """whether it is to tell how probable its words were"""


class Asker(msgspec.Struct, frozen=True):
    """Whose requests an answer is made of, and what it calls the model."""

    app: App
    caller: Caller
    model: str
    defaults: Sampling
    card: ModelCard

    @classmethod
    async def of(cls, app: App, caller: Caller, named: str | None) -> Asker:
        """Find the model that a request names; ModelNotFound lists those that are here."""
        reference = await asyncio.to_thread(reference_of, app, named)
        card = await asyncio.to_thread(app.library.card, reference)
        settings = msgspec.convert(msgspec.structs.asdict(app.settings.sampling), Sampling)
        return cls(app, caller, named or card.name, card.defaults.sampling.merged(settings), card)

    async def ask(self, question: Question, index: int = 0) -> AsyncGenerator[Said, None]:
        """Yield what is said for choice `index`; closing it frees the slot."""
        if question.pictures:  # before anything is loaded
            check_sees(self.card)
        async with leased(self.app, self.caller, question.model, weighs=question.weighs) as engine:
            _check_template(question, engine.info)
            body = await checked(engine, question, self.body_for(question, engine, index))
            fit = await fitted(engine, question.path, body, question.fits) if question.fits else None
            body = body | {"messages": fit.messages} if fit else body
            async with aclosing(engine.relay(question.path, msgspec.json.encode(body))) as events:
                said = spoken(events, question.prompt_field, fit.receipt if fit else None)
                reader = question.reader(engine.info)
                async with aclosing(reader(said) if reader else said) as read:
                    async for event in read:
                        yield event

    def body_for(self, question: Question, engine: Engine, index: int) -> dict[str, Any]:
        defaults = {
            name: value
            for name, value in msgspec.structs.asdict(self.defaults).items()
            if value is not None and name not in ("seed", "stop")
        }
        body = defaults | sampling_body(question.sampled)
        if question.max_tokens is not None:
            body["max_tokens"] = question.max_tokens
        if question.sampled.seed is not None:
            body["seed"] = engine_seed(question.sampled.seed, index)
        return body | question.body(engine.info) | STREAMED


def _check_template(question: Question, info: EngineInfo) -> None:
    """Refuse messages for a model without a template: the engine would write them in a way it never saw."""
    if question.path == "/v1/chat/completions" and not info.has_template:
        raise NoTemplate(
            f"{info.model} has no chat template: it was not made for dialogues",
            hint="send it a prompt (/v1/completions), or choose an instruct model",
            param="model",
        )


async def sendable(engine: Engine, question: Question, body: dict[str, Any]) -> bytes:
    """Return the body as an engine may see it, as JSON."""
    return msgspec.json.encode(await checked(engine, question, body))


async def checked(engine: Engine, question: Question, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body as an engine may see it: not too long by far, and no turn forged in it."""
    if question.pictures and not engine.info.sees:
        raise NoVision(
            f"{engine.info.model} doesn't see pictures",
            hint="choose a model that sees",
            param=question.pictures,
        )
    body = msgspec.to_builtins(body)
    check_length(texts_in(body.get("messages") or body.get("prompt")), question.prompt_field, engine.info)
    if question.pictures:
        await asyncio.to_thread(check_pictures, body["messages"])
    if "messages" in body:
        body["messages"] = await made_plain(engine, body["messages"])
    return body


def check_length(texts: list[str], field: str, info: EngineInfo) -> None:
    """Refuse what can't fit by far, before the engine tokenises megabytes of it."""
    length = sum(map(len, texts))
    if length > LONGEST_TOKEN * info.context_length:
        raise ContextLengthExceeded(
            f"the prompt has {length:,} characters; the model's context is {info.context_length} tokens",
            hint="shorten it, or raise context_length in the settings",
            param=field,
        )


async def gather(choices: list[AsyncGenerator[Said, None]], width: int) -> list[Gathered]:
    """Return every choice as a whole."""
    gathered = [Gathered() for _ in choices]
    async with aclosing(together(choices, width)) as events:
        async for index, said in events:
            gathered[index].add(said)
    return gathered


async def together(
    choices: list[AsyncGenerator[Said, None]], width: int
) -> AsyncGenerator[tuple[int, Said], None]:
    """Yield what each of `choices` says, with its index, at most `width` of them at a time.

    The first error ends them all; so does closing.
    """
    if len(choices) == 1:
        async with aclosing(choices[0]) as only:
            async for event in only:
                yield 0, event
        return
    said: asyncio.Queue[tuple[int, Said]] = asyncio.Queue(maxsize=64)
    working = asyncio.create_task(_work(choices, width, said))
    try:
        while not (working.done() and said.empty()):
            getting = asyncio.create_task(said.get())
            try:
                await asyncio.wait({getting, working}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    yield getting.result()
            finally:
                getting.cancel()
        working.result()
    finally:
        working.cancel()
        await asyncio.wait({working})


async def _work(
    choices: list[AsyncGenerator[Said, None]], width: int, said: asyncio.Queue[tuple[int, Said]]
) -> None:
    waiting = iter(enumerate(choices))

    async def one_after_another() -> None:
        for index, choice in waiting:
            async with aclosing(choice) as events:
                async for event in events:
                    await said.put((index, event))

    workers = [asyncio.create_task(one_after_another()) for _ in range(min(width, len(choices)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
