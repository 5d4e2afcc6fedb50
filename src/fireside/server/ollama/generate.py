"""`POST /api/generate`: one prompt, and the tokens of what was said before in `context`.

The model's template is written around the prompt, token by token: what people wrote is never read as
control tokens. With `raw` the prompt is the whole text, control tokens and all.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from fireside.engines.protocol import Engine
from fireside.errors import BadRequest
from fireside.messages import Role
from fireside.prompt import frames_of, marked
from fireside.server.callers import Asking, Caller, needs
from fireside.server.ollama.answers import GenerateLine, Watch, likelihoods, line, now
from fireside.server.ollama.asking import Stay, one_line, shape_of, streamed, with_options
from fireside.server.ollama.requests import GenerateRequest, check, sampled_of, stops_of
from fireside.server.openai.asking import Asker, Question, check_length, sendable
from fireside.server.openai.chunks import End, Piece, Said, spoken
from fireside.server.openai.functions import checked
from fireside.server.openai.leaving import unless_left
from fireside.server.openai.requests import Sampled
from fireside.server.relay import leased
from fireside.server.stops import Stops
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/api", tags=["Ollama"], dependencies=[needs("chat")])


@router.post("/generate", **shows(GenerateLine, takes=GenerateRequest))
async def generate(
    app: Fireside,
    caller: Asking,
    request: Request,
    asked: Annotated[GenerateRequest, body(GenerateRequest)],
) -> Response:
    """Answer a prompt, as a whole or as lines of JSON."""
    _check(asked)
    stay = Stay(app, caller, asked.model, asked.keep_alive)
    if not asked.prompt:
        reason = await unless_left(request, stay.load())
        done = GenerateLine(model=asked.model, created_at=now(), response="", done=True, done_reason=reason)
        return answer(done) if asked.stream is False else await streamed(request, one_line(done))
    watch = Watch()
    writing = Writing(asked, await Asker.of(app, caller, asked.model))
    said = stay.watched(writing.said(caller), watch)
    lines = _lines(said, writing, watch)
    if asked.stream is False:
        return await unless_left(request, _whole(lines))
    return await streamed(request, _encoded(lines))


def _check(asked: GenerateRequest) -> None:
    check(asked)
    reasons = {
        "suffix": (asked.suffix, "filling a gap needs a model that was made for it"),
        "template": (asked.template, "the model's own template is used; `raw` takes a text as it is"),
        "images": (asked.images, "pictures are shown by /api/chat only"),
        "think": (asked.think, "reasoning is told apart by /api/chat only"),
        "system": (asked.raw and asked.system, "a raw prompt is the whole text"),
        "context": (asked.raw and asked.context, "a raw prompt is the whole text"),
    }
    for field, (given, why) in reasons.items():
        if given:
            raise BadRequest(f"{field}: {why}", hint="leave it out", param=field)


class Writing:
    """One text that is generated, and the ids that it is made of."""

    def __init__(self, asked: GenerateRequest, asker: Asker) -> None:
        self.asked = asked
        self.context: tuple[int, ...] | None = None
        """all ids, prompt and answer; None for a raw prompt and before the end"""
        self._asker = asker
        self._stops = Stops(stops_of(asked.options))

    async def said(self, caller: Caller) -> AsyncGenerator[Said, None]:
        texts: list[str] = []
        weighs = bool(self.asked.logprobs)
        async with leased(self._asker.app, caller, self.asked.model, weighs=weighs) as engine:
            ids = None if self.asked.raw else await prompt_ids(engine, self.asked)
            question = self._stops.counting(self._question(ids))
            async with aclosing(self._answer(engine, question)) as events:
                async for event in events:
                    if isinstance(event, Piece):
                        texts.append(event.text)
                    elif isinstance(event, End) and ids is not None:
                        self.context = ids + await engine.tokenize("".join(texts), special=False)
                    yield event

    async def _answer(self, engine: Engine, question: Question) -> AsyncGenerator[Said, None]:
        sent = await sendable(engine, question, self._asker.body_for(question, engine, index=0))
        async with aclosing(engine.relay(question.path, sent)) as events:
            said = spoken(events, question.prompt_field)
            shape = shape_of(self.asked)
            async with aclosing(self._stops.cut(checked(said, shape) if shape else said)) as cut:
                async for event in cut:
                    yield event

    def _question(self, ids: tuple[int, ...] | None) -> Question:
        sampled = sampled_of(self.asked.options)
        max_tokens = sampled.pop("max_tokens", -1)
        sent: dict[str, Any] = {"prompt": self.asked.prompt if ids is None else ids}
        if shape := shape_of(self.asked):
            sent["json_schema"] = shape.schema
        if self.asked.logprobs:
            sent["logprobs"] = max(1, self.asked.top_logprobs or 0)
        question = Question(
            model=self.asked.model,
            path="/v1/completions",
            prompt_field="prompt",
            sampled=Sampled(**sampled),
            max_tokens=max_tokens,
            body=lambda info: sent,
        )
        return with_options(question, self.asked)


async def prompt_ids(engine: Engine, asked: GenerateRequest) -> tuple[int, ...]:
    """Return the ids of the whole prompt; what was said before stays token for token."""
    before = [Role.USER, Role.ASSISTANT] if asked.context else []
    texts = [*([asked.system] if asked.system else []), asked.prompt or ""]
    roles = [*before, *([Role.SYSTEM] if asked.system else []), Role.USER]
    frames = frames_of(await engine.render(marked(roles)))
    if [frame.index for frame in frames[:-1]] != list(range(len(roles))):
        raise BadRequest(
            f"the chat template of {engine.info.model} can't write this prompt",
            hint="leave out `system`, use /api/chat, or send a raw prompt",
            param="system",
        )
    check_length(texts, "prompt", engine.info)
    ids = list(asked.context or ())
    for frame in frames[len(before) :]:
        ids += await engine.tokenize(frame.text, special=True)
        if frame.index is not None:
            ids += await engine.tokenize(texts[frame.index - len(before)], special=False)
    return tuple(ids)


async def _lines(
    said: AsyncGenerator[Said, None], writing: Writing, watch: Watch
) -> AsyncGenerator[GenerateLine, None]:
    model, top = writing.asked.model, writing.asked.top_logprobs or 0
    async with aclosing(said) as events:
        async for event in events:
            if isinstance(event, Piece):
                tokens = event.logprobs.content if event.logprobs else None
                yield GenerateLine(
                    model=model,
                    created_at=now(),
                    response=event.text,
                    done=False,
                    logprobs=likelihoods(tokens or (), top),
                )
            elif isinstance(event, End):
                yield GenerateLine(
                    model=model,
                    created_at=now(),
                    response="",
                    context=writing.context,
                    **watch.ending(event),
                )


async def _encoded(lines: AsyncGenerator[GenerateLine, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(lines) as each:
        async for one in each:
            yield line(one)


async def _whole(lines: AsyncGenerator[GenerateLine, None]) -> Response:
    told = [one async for one in lines]
    last = told[-1]
    last.response = "".join(one.response for one in told)
    last.logprobs = tuple(token for one in told for token in one.logprobs)
    return answer(last)
