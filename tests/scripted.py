"""An engine that says what a test tells it to: one token per character, so that ids can be read.

A character's token id is its code point; the two control tokens of ChatML lie beyond Unicode.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from fireside.engines.protocol import (
    Ended,
    Engine,
    EngineInfo,
    Generated,
    Held,
    LoadProgress,
    ModelFile,
    Origin,
    Piece,
    Reading,
)
from fireside.errors import EngineCrashed, FiresideError, NoTemplate
from fireside.messages import Message, Sampling
from fireside.settings import Settings

TURN_BEGINS, TURN_ENDS, TEXT_BEGINS = 0x110000, 0x110001, 0x110002
CONTROL = {"<|im_start|>": TURN_BEGINS, "<|im_end|>": TURN_ENDS, "<s>": TEXT_BEGINS}

Step = str | asyncio.Event | FiresideError
"""What happens next: a piece of text, a wait until the test sets the event, or the engine's death
(any other error than EngineCrashed fails this reply only)."""
Script = str | Sequence[Step]
"""A whole reply; a plain string is said one character at a time."""


class Asked(msgspec.Struct, frozen=True):
    """One call of `generate`."""

    prompt: tuple[int, ...]
    sampling: Sampling
    max_tokens: int

    @property
    def text(self) -> str:
        return text_of(self.prompt)


def ids_of(text: str, *, special: bool = False) -> tuple[int, ...]:
    """Return the ids of `text`; `special` reads `<|im_start|>`, `<|im_end|>` and `<s>` as one token each."""
    ids: list[int] = []
    at = 0
    while at < len(text):
        control = next((name for name in CONTROL if special and text.startswith(name, at)), None)
        ids.append(CONTROL[control] if control else ord(text[at]))
        at += len(control) if control else 1
    return tuple(ids)


def text_of(ids: Sequence[int]) -> str:
    """Return what `ids` spell, control tokens by their names."""
    names = {number: name for name, number in CONTROL.items()}
    return "".join(names[number] if number in names else chr(number) for number in ids)


def a_model(reference: str = "file:/scripted.gguf", **changes: Any) -> ModelFile:
    """Return a model file that needs no file."""
    model = ModelFile(
        reference=reference,
        path=Path("/scripted.gguf"),
        identity=f"sha256:{reference}",
        context_length=2048,
        has_template=True,
    )
    return msgspec.structs.replace(model, **changes)


class ScriptedEngine:
    """Plays `replies` in turn, the last one again and again; a callable is given the prompt's text."""

    def __init__(
        self,
        replies: Iterable[Script] | Callable[[str], Script] = ("Hello there.",),
        *,
        model: ModelFile | None = None,
        crash_at: int | None = None,
        bos: tuple[int, ...] = (),
        notices: tuple[str, ...] = (),
        tells_cached: bool = True,
        pid: int | None = None,
    ) -> None:
        model = model or a_model()
        self._replies = replies if callable(replies) else list(replies)
        self.crash_at = crash_at
        """the engine dies before its reply's token of this number, counted from 0"""
        self._bos = bos
        self._tells_cached = tells_cached
        self._seen: list[tuple[int, ...]] = []
        self._held: dict[str, Held] = {}
        self.saved: list[str | None] = []
        """the conversations that it was told to save"""
        self._alive = True
        self.asked: list[Asked] = []
        self.relayed: list[tuple[str, Any]] = []
        self.rendered: list[tuple[Message, ...]] = []
        self.reasoning: bool | None = None
        """what the last rendering was told"""
        self.tokenized: list[tuple[str, bool]] = []
        self.generating = 0
        self.abandoned = 0
        """generations that were closed before their end"""
        self.closed = False
        self.idle = asyncio.Event()
        self.idle.set()
        self._info = EngineInfo(
            engine="scripted",
            model=model.reference,
            identity=model.identity,
            context_length=model.context_length,
            slots=2,
            has_template=model.has_template,
            takes_token_ids=True,
            device="cpu",
            build="scripted",
            load_ms=1.0,
            notices=notices,
            pid=pid,
        )

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return self._alive

    def crash(self, message: str = "the engine was killed by the test") -> EngineCrashed:
        """Die now; every later call raises."""
        self._alive = False
        return EngineCrashed(message, hint="ask again")

    def _must_live(self) -> None:
        if not self._alive:
            raise EngineCrashed("the engine is not running", hint="ask again")

    async def render(self, messages: Sequence[Message], *, reasoning: bool | None = None) -> str:
        self._must_live()
        if not self._info.has_template:
            raise NoTemplate("this model has no chat template", hint="use --format transcript")
        self.rendered.append(tuple(messages))
        self.reasoning = reasoning
        turns = [f"<|im_start|>{message.role}\n{message.prompt_text}<|im_end|>\n" for message in messages]
        return "".join(turns) + "<|im_start|>assistant\n"

    async def tokenize(self, text: str, *, special: bool, whole: bool = False) -> tuple[int, ...]:
        self._must_live()
        self.tokenized.append((text, special))
        return (*self._bos, *ids_of(text, special=special)) if whole else ids_of(text, special=special)

    async def bos(self) -> tuple[int, ...]:
        return self._bos

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int, origin: Origin | None = None
    ) -> AsyncGenerator[Generated, None]:
        self._must_live()
        asked = Asked(tuple(prompt), sampling, max_tokens)
        self.asked.append(asked)
        said: list[int] = []
        self.generating += 1
        self.idle.clear()
        ended = False
        try:
            cached = self._cached(asked.prompt) if self._tells_cached else None
            if cached is not None:
                yield Reading(len(prompt), cached, cached)
                yield Reading(len(prompt), cached, len(prompt))
            async for piece in self._play(self._next_script(asked.text), said, max_tokens):
                yield piece
            ended = True
            reason: Literal["stop", "length"] = "length" if len(said) >= max_tokens else "stop"
            yield Ended(reason, len(prompt), cached, len(said))
        finally:
            self.generating -= 1
            self.abandoned += not ended
            self._seen.append((*asked.prompt, *said))
            if origin:
                self._held[origin.conversation_id] = Held(origin, len(asked.prompt) + len(said))
            if not self.generating:
                self.idle.set()

    async def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """Answer a chat request in OpenAI's shape with the next script, a chunk for each piece.

        Every embedding is the one number 1.
        """
        self._must_live()
        self.relayed.append((path, msgspec.json.decode(body)))
        if path.endswith("/input_tokens"):
            yield msgspec.json.encode({"input_tokens": len(body)})
            return
        if path.endswith("/embeddings"):
            texts = msgspec.json.decode(body)["input"]
            data = [{"index": index, "embedding": "AACAPw=="} for index in range(len(texts))]
            yield msgspec.json.encode({"data": data, "usage": {"prompt_tokens": len(texts)}})
            return
        said: list[int] = []
        async for piece in self._play(self._next_script(""), said, 10_000):
            delta = {"choices": [{"index": 0, "delta": {"content": piece.text}, "finish_reason": None}]}
            yield msgspec.json.encode(delta)
        yield msgspec.json.encode({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield b"[DONE]"

    async def _play(self, script: Script, said: list[int], max_tokens: int) -> AsyncIterator[Piece]:
        for step in script:
            await asyncio.sleep(0)
            self._must_live()
            if isinstance(step, asyncio.Event):
                await step.wait()
                self._must_live()
            elif isinstance(step, FiresideError):
                self._alive = self._alive and not isinstance(step, EngineCrashed)
                raise step
            else:
                text = step[: max_tokens - len(said)]
                if self.crash_at is not None and len(said) + len(text) > self.crash_at:
                    raise self.crash()
                said.extend(ids_of(text))
                if text:
                    yield Piece(text, ids_of(text))
                if len(said) >= max_tokens:
                    return

    def _next_script(self, prompt: str) -> Script:
        if callable(self._replies):
            return self._replies(prompt)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _cached(self, prompt: tuple[int, ...]) -> int:
        """Like llama.cpp: the longest beginning that was read before, the last token always anew."""
        longest = max((_same_beginning(prompt, seen) for seen in self._seen), default=0)
        return min(longest, len(prompt) - 1)

    def held(self) -> tuple[Held, ...]:
        return tuple(self._held.values())

    async def save(self, conversation_id: str | None = None, *, new_share: float = 0.0) -> None:
        self.saved.append(conversation_id)

    def forget(self, conversation_id: str) -> None:
        self._held.pop(conversation_id, None)

    async def aclose(self) -> None:
        self._alive = False
        self.closed = True


def _same_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


class ScriptedStart:
    """A start function for the pool: makes a ScriptedEngine per load and remembers it.

    `make` is given the model; `gate`, when set, is waited for before a load ends; an error in
    `failures` is raised by the load whose turn it is (None lets that load succeed).
    """

    def __init__(
        self,
        make: Callable[[ModelFile], ScriptedEngine] | None = None,
        *,
        gate: asyncio.Event | None = None,
        failures: Iterable[FiresideError | None] = (),
    ) -> None:
        self._make = make or (lambda model: ScriptedEngine(model=model))
        self.gate = gate
        self.failures = list(failures)
        self.loads: list[ModelFile] = []
        self.engines: list[ScriptedEngine] = []
        self.loading = asyncio.Event()
        """set as soon as a load has begun"""

    async def __call__(
        self, model: ModelFile, settings: Settings, progress: LoadProgress | None = None
    ) -> Engine:
        self.loads.append(model)
        self.loading.set()
        if progress:
            progress(0.5)
        if self.gate:
            await self.gate.wait()
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure
        if progress:
            progress(1.0)
        engine = self._make(model)
        self.engines.append(engine)
        return engine
