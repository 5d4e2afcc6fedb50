"""The `llamacpp` engine: llama.cpp's own server in a child process, spoken to over loopback."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Literal

import msgspec

from fireside.engines import loopback, machine
from fireside.engines.child import Child
from fireside.engines.llamacpp_child import Answer, Listening, Prepared, Refused, Task
from fireside.engines.llamacpp_refusals import refusal
from fireside.engines.llamacpp_stream import EventReader, Pieces, failure_in
from fireside.engines.protocol import EngineInfo, Generated, LoadProgress, ModelFile, Piece, Reading
from fireside.engines.seen import Seen
from fireside.errors import (
    BadRequest,
    EngineCrashed,
    EngineError,
    ModelDamaged,
    NoTemplate,
)
from fireside.messages import Message, Sampling
from fireside.settings import Settings

COMMAND = (sys.executable, "-P", "-m", "fireside.engines.llamacpp_child")
PATIENCE_S = 60.0
TILE_ROWS = 64
"""From this many tokens at once llama.cpp's CPU attention takes another path (`flash_attn_ext_tiled`
in ggml-cpu/ops.cpp), whose rounding differs: a prompt's last token is kept out of it by being read
alone, so that a seed gives the same reply whether the prompt was read now or before."""
SEQUENCES_SEEN = 8
ANSWER_S = 120.0
"""for rendering and tokenizing; a template that takes longer never ends"""
SPELLED = 10_000
DYING_S = 5.0
"""longer than a system takes to clear away a process whose connections are already closed"""
PROMPT_CACHE_MIB = 512

_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
_OFFLOADED = re.compile(r"offloaded (\d+)/\d+ layers")
_REASONING = re.compile(r"<think>|enable_thinking")
_BRANDS = {"NVIDIA": "CUDA", "AMD": "ROCm or Vulkan", "Apple": "Metal"}


class _Slot(msgspec.Struct):
    n_ctx: int


class _Abilities(msgspec.Struct):
    supports_tools: bool = False


class _Properties(msgspec.Struct):
    chat_template_caps: _Abilities
    chat_template: str = ""


class _Rendered(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: tuple[int, ...]


async def start(
    model: ModelFile,
    settings: Settings,
    progress: LoadProgress | None = None,
    *,
    command: Sequence[str] = COMMAND,
    patience_s: float = PATIENCE_S,
) -> LlamaCppEngine:
    """Load `model` in a child process and return its engine.

    EngineUnavailable where it can't run here, ModelDamaged where the file can't be loaded,
    EngineOutOfMemory where it doesn't fit. A load without progress for `patience_s` is ended.
    """
    began = time.monotonic()
    task = _task(model, settings)
    child = await Child.start(
        command, machine.child_environment(), first_line=msgspec.json.encode(task) + b"\n", secret=task.key
    )
    try:
        prepared, listening = await _hear(child, model, patience_s, progress)
        engine = LlamaCppEngine(child, loopback.Address.parse(listening.address), task.key)
        await engine.introduce(model, settings, prepared, began)
    except BaseException:
        await child.aclose()
        raise
    if progress:
        progress(1.0)
    return engine


def _task(model: ModelFile, settings: Settings) -> Task:
    cores = machine.usable_cores()
    return Task(
        path=str(model.path.absolute()),
        # At its chattiest the server logs a key's last four characters: let them be these.
        key=secrets.token_hex(32) + "-key",
        context_length=model.context_length,
        slots=settings.slots,
        threads=settings.threads or max(1, cores - 1),
        prompt_threads=settings.prompt_threads or cores,
        prompt_cache_mib=PROMPT_CACHE_MIB,
    )


async def _hear(
    child: Child, model: ModelFile, patience_s: float, progress: LoadProgress | None
) -> tuple[Prepared, Listening]:
    try:
        size_bytes = model.path.stat().st_size
    except OSError as error:
        raise ModelDamaged(
            f"{model.path} can't be read: {error.strerror}", hint="check that the file is there"
        ) from error
    prepared: Prepared | None = None
    while True:
        line = await child.answer(patience_s=patience_s, size_bytes=size_bytes, progress=progress)
        match _answers.decode(line):
            case Prepared() as prepared:
                pass
            case Listening() as listening if prepared is not None:
                return prepared, listening
            case Refused() as refused:
                raise await refusal(child, model, refused)


class LlamaCppEngine:
    """A model loaded by llama.cpp; made by `start`."""

    answer_s = ANSWER_S

    def __init__(self, child: Child, address: loopback.Address, key: str) -> None:
        self._child = child
        self._address = address
        self._key = key
        self._info: EngineInfo | None = None
        self._bos: tuple[int, ...] | None = None
        self._seen = Seen(SEQUENCES_SEEN)
        self._spelled: dict[tuple[str, int, int], tuple[int, ...]] = {}

    async def introduce(self, model: ModelFile, settings: Settings, prepared: Prepared, began: float) -> None:
        """Find out what was really loaded."""
        slots = msgspec.json.decode(await self._ask("GET", "/slots"), type=list[_Slot])
        known = msgspec.json.decode(await self._ask("GET", "/props"), type=_Properties)
        held = min((slot.n_ctx for slot in slots), default=0)
        device = _device(prepared, self._child.words())
        self._info = EngineInfo(
            engine="llamacpp",
            model=model.reference,
            identity=model.identity,
            context_length=min(held, model.context_length),
            slots=len(slots),
            has_template=model.has_template,
            takes_token_ids=True,
            device=device,
            build=prepared.build,
            load_ms=(time.monotonic() - began) * 1000,
            pid=self._child.pid,
            notices=_notices(device),
            takes_tools=model.has_template and known.chat_template_caps.supports_tools,
            reasons=model.has_template and bool(_REASONING.search(known.chat_template)),
        )

    @property
    def info(self) -> EngineInfo:
        assert self._info is not None  # noqa: S101 - `start` introduces every engine
        return self._info

    @property
    def alive(self) -> bool:
        return self._child.alive

    async def render(self, messages: Sequence[Message], *, reasoning: bool | None = None) -> str:
        if not self.info.has_template:
            # The server would quietly use ChatML, which this model never saw.
            raise NoTemplate(
                f"{self.info.model} has no chat template",
                hint="use `--format transcript`, or choose a model that was tuned for chat",
            )
        turns = [{"role": message.role.value, "content": message.prompt_text} for message in messages]
        asked: dict[str, object] = {"messages": turns}
        if reasoning is not None and self.info.reasons:
            asked["chat_template_kwargs"] = {"enable_thinking": reasoning}
        try:
            body = await self._ask("POST", "/apply-template", msgspec.json.encode(asked))
        except EngineError as error:
            if isinstance(error, EngineCrashed):
                raise
            raise BadRequest(
                f"the template of {self.info.model} refuses this conversation: {error.message}",
                hint="use `--format transcript`, or leave out the system text",
            ) from error
        return msgspec.json.decode(body, type=_Rendered).prompt

    async def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        return await self._tokenize(text, special=special, whole=False)

    async def bos(self) -> tuple[int, ...]:
        if self._bos is None:
            bare = await self._tokenize("a", special=False, whole=False)
            whole = await self._tokenize("a", special=False, whole=True)
            # What is added behind the text (some models want an end there, too) isn't asked for.
            at = next((n for n in range(len(whole)) if whole[n : n + len(bare)] == bare), 0)
            self._bos = whole[:at]
        return self._bos

    async def _tokenize(self, text: str, *, special: bool, whole: bool) -> tuple[int, ...]:
        asked = {"content": text, "parse_special": special, "add_special": whole}
        answer = await self._ask("POST", "/tokenize", msgspec.json.encode(asked))
        return msgspec.json.decode(answer, type=_Tokens).tokens

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int
    ) -> AsyncGenerator[Generated, None]:
        cached: int | None = None
        if self._seen.unread(prompt) >= TILE_ROWS:
            reading = Pieces(self._recover, len(prompt))
            async with aclosing(self._stream(_completion(prompt[:-1], sampling, 0), reading)) as events:
                async for event in events:
                    if isinstance(event, Reading):
                        yield event
            cached = reading.cached
        pieces = Pieces(self._recover, len(prompt), cached=cached)
        said: list[int] = []
        try:
            async with aclosing(self._stream(_completion(prompt, sampling, max_tokens), pieces)) as events:
                async for event in events:
                    if isinstance(event, Piece):
                        said.extend(event.ids)
                    yield event
        finally:
            self._seen.add((*prompt, *said))

    async def _stream(self, asked: bytes, pieces: Pieces) -> AsyncGenerator[Generated, None]:
        reader = EventReader()
        try:
            async with self._exchange("POST", "/completion", asked) as response:
                if response.status != 200:
                    raise failure_in(response.status, await response.read())
                async with aclosing(response.pieces()) as body:
                    async for data in body:
                        for event in reader.feed(data):
                            for generated in await pieces.read(event):
                                yield generated
        except loopback.Broken as error:
            raise await self._cut_off() from error
        if not pieces.ended:
            raise await self._cut_off()

    async def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        reader = EventReader()
        try:
            async with self._exchange("POST", path, body) as response:
                if response.status != 200:
                    raise failure_in(response.status, await response.read())
                async with aclosing(response.pieces()) as pieces:
                    async for data in pieces:
                        for event in reader.feed(data):
                            yield event
            if plain := reader.left():
                yield plain
        except loopback.Broken as error:
            raise await self._cut_off() from error

    async def _recover(self, text: str, count: int, last: int) -> tuple[int, ...]:
        """Return the ids that spell `text`; `count` and `last` are what is known about them.

        Where the model spelled it in a way of its own, the usual spelling stands for it: the
        conversation goes on, and only less of it is found in the cache.
        """
        asked = (text, count, last)
        if asked not in self._spelled:
            usual = await self.tokenize(text, special=False)
            # Some tokenizers write a space before every text.
            fits = len(usual) in (count, count + 1) and usual[-1] == last
            if len(self._spelled) >= SPELLED:
                self._spelled.clear()
            self._spelled[asked] = usual[-count:] if fits else usual
        return self._spelled[asked]

    async def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        try:
            async with asyncio.timeout(self.answer_s), self._exchange(method, path, body) as response:
                answer = await response.read()
                if response.status != 200:
                    raise failure_in(response.status, answer)
                return answer
        except TimeoutError:
            await self._child.aclose()
            raise EngineCrashed(
                f"the engine gave no answer for {self.answer_s:g} seconds and was ended",
                hint="ask again, or choose another model: this one's template may never end",
            ) from None
        except loopback.Broken as error:
            raise await self._cut_off() from error

    def _exchange(
        self, method: str, path: str, body: bytes
    ) -> AbstractAsyncContextManager[loopback.Response]:
        return loopback.exchange(self._address, method, path, key=self._key, body=body)

    async def _cut_off(self) -> EngineError:
        """Return why an answer broke off. An engine that lives on is left to its other users."""
        if await self._child.gone_within(DYING_S):
            return await self._child.death()
        return EngineError("the engine broke off its answer", hint="ask again")

    async def aclose(self) -> None:
        await self._child.aclose()


def _completion(prompt: Sequence[int], sampling: Sampling, max_tokens: int) -> bytes:
    """Return the request. What `sampling` leaves open is the engine's choice."""
    chosen = {name: value for name, value in msgspec.structs.asdict(sampling).items() if value is not None}
    for not_ours in ("stop", "max_tokens"):
        chosen.pop(not_ours, None)
    return msgspec.json.encode(
        chosen
        | {
            "prompt": prompt,
            "n_predict": max_tokens,
            "stream": True,
            "return_progress": True,
            "return_tokens": True,
            "cache_prompt": True,
        }
    )


def _device(prepared: Prepared, words: Sequence[str]) -> Literal["cpu", "gpu"]:
    layers = [int(found.group(1)) for line in words if (found := _OFFLOADED.search(line))]
    return "gpu" if prepared.graphics and layers and layers[-1] > 0 else "cpu"


def _notices(device: Literal["cpu", "gpu"]) -> tuple[str, ...]:
    brand = machine.graphics_device()
    if device == "gpu" or brand is None:
        return ()
    return (
        f"This computer has a graphics processor ({brand}), but the model runs on the CPU, many times "
        f"slower. Install the engine's build for it: the {_BRANDS[brand]} wheel of xllamacpp "
        "(its README lists them), into the same environment as Fireside.",
    )
