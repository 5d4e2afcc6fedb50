"""The `llamacpp` engine: llama.cpp's own server in a child process, spoken to over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

import msgspec

from fireside.engines import loopback, machine
from fireside.engines.child import Child
from fireside.engines.conditions import Watch
from fireside.engines.llamacpp_builds import build_today, command_of
from fireside.engines.llamacpp_child import Answer, Listening, Prepared, Refused
from fireside.engines.llamacpp_pictures import Pictures
from fireside.engines.llamacpp_refusals import refusal
from fireside.engines.llamacpp_slots import SlotKeeper, state_key
from fireside.engines.llamacpp_stream import Use
from fireside.engines.llamacpp_task import choice_of, task_of, waiting_of, with_threads
from fireside.engines.llamacpp_wire import Wire
from fireside.engines.protocol import (
    Ended,
    EngineInfo,
    Generated,
    Held,
    LoadProgress,
    ModelFile,
    Origin,
    Reading,
    Vault,
)
from fireside.engines.slots import Slots
from fireside.engines.threads import Threads
from fireside.errors import (
    BadRequest,
    EngineCrashed,
    EngineError,
    FiresideError,
    ModelDamaged,
    NoTemplate,
)
from fireside.messages import Message, Sampling
from fireside.pictures import Picture
from fireside.profiles import settled
from fireside.settings import Settings

PATIENCE_S = 60.0
READ_TOGETHER = 1
"""Where more tokens than this are unread, the prompt's last one is read alone: several at once are
multiplied by other kernels (ggml-cpu), whose rounding differs, and a seed gives the same reply
whether the prompt was read now or before."""
SAVING_S = 20.0
"""for saving what is held before the engine ends"""
SPELLED = 10_000

_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
_OFFLOADED = re.compile(r"offloaded (\d+)/\d+ layers")
_UNCUTTABLE = re.compile(r"is_swa_any\s*= 1|llama_memory_(recurrent|hybrid)")
"""what it says of models whose states can't be cut: a sliding window, a recurrent memory"""
_REASONING = re.compile(r"<think>|enable_thinking")
_BRANDS = {"NVIDIA": "CUDA", "AMD": "ROCm or Vulkan", "Apple": "Metal"}


class _Slot(msgspec.Struct):
    n_ctx: int


class _Abilities(msgspec.Struct):
    supports_tools: bool = False


class _Modalities(msgspec.Struct, frozen=True):
    vision: bool = False


class _Properties(msgspec.Struct):
    chat_template_caps: _Abilities
    chat_template: str = ""
    modalities: _Modalities = _Modalities()
    media_marker: str = ""


class _Rendered(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: tuple[int, ...]


def key_today(model: ModelFile, settings: Settings) -> str:
    """Return the key that states of `model` have which an engine would save now."""
    return state_key(model, settings, build_today(settings))


async def start(
    model: ModelFile,
    settings: Settings,
    progress: LoadProgress | None = None,
    *,
    vault: Vault | None = None,
    command: Sequence[str] | None = None,
    patience_s: float = PATIENCE_S,
) -> LlamaCppEngine:
    """Load `model` in a child process and return its engine, which keeps in `vault` what it has read.

    EngineUnavailable where it can't run here, ModelDamaged where the file can't be loaded,
    EngineOutOfMemory where it doesn't fit. A load without progress for `patience_s` is ended.
    """
    began = time.monotonic()
    task = task_of(model, settings, vault)
    watch = Watch()
    child = await Child.start(
        command or command_of(settings),
        machine.child_environment(os.environ | waiting_of(task)),
        secret=task.key,
    )
    try:
        threads = await watch.threads(choice_of(model, settings), child.pid)
        task = with_threads(task, threads)
        await child.tell(msgspec.json.encode(task) + b"\n")
        prepared, listening = await _hear(child, model, patience_s, progress)
        wire = Wire(child, loopback.Address.parse(listening.address), task.key)
        engine = LlamaCppEngine(child, wire)
        await engine.introduce(model, settings, threads, prepared, began, vault)
    except BaseException:
        await child.aclose()
        raise
    if progress:
        progress(1.0)
    return engine


async def _hear(
    child: Child, model: ModelFile, patience_s: float, progress: LoadProgress | None
) -> tuple[Prepared, Listening]:
    try:
        size_bytes = model.size_bytes or model.path.stat().st_size
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

    def __init__(self, child: Child, wire: Wire) -> None:
        self._child = child
        self._wire = wire
        self._info: EngineInfo | None = None
        self._bos: tuple[int, ...] | None = None
        self._slots: SlotKeeper | None = None
        self._spelled: dict[tuple[str, int, int], tuple[int, ...]] = {}
        self._closed = self._crashed = False
        self._pictures = Pictures(wire.ask, wire.relay, self.tokenize, self.bos)

    async def introduce(
        self,
        model: ModelFile,
        settings: Settings,
        threads: Threads,
        prepared: Prepared,
        began: float,
        vault: Vault | None = None,
    ) -> None:
        """Find out what was really loaded."""
        slots = msgspec.json.decode(await self._wire.ask("GET", "/slots"), type=list[_Slot])
        known = msgspec.json.decode(await self._wire.ask("GET", "/props"), type=_Properties)
        held = min((slot.n_ctx for slot in slots), default=0)
        words = self._child.words()
        device = _device(prepared, words)
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
            threads=threads.reply,
            prompt_threads=threads.prompt,
            threads_because=threads.because,
            notices=_notices(device),
            sees=known.modalities.vision,
            takes_tools=model.has_template and known.chat_template_caps.supports_tools,
            reasons=model.has_template and bool(_REASONING.search(known.chat_template)),
            tuned=settled(settings, model.tuned) != settled(settings),
            cuttable=not any(_UNCUTTABLE.search(line) for line in words),
            choice=choice_of(model, settings),
        )
        self._pictures.marker = known.media_marker
        self._slots = SlotKeeper(
            self._wire.ask_about_slots,
            Slots(len(slots), cuttable=self._info.cuttable),
            key=state_key(model, settings, prepared.build),
            model=model.reference,
            vault=vault,
        )

    @property
    def info(self) -> EngineInfo:
        assert self._info is not None  # noqa: S101 - `start` introduces every engine
        return self._info

    @property
    def _keeper(self) -> SlotKeeper:
        assert self._slots is not None  # noqa: S101 - `start` introduces every engine
        return self._slots

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
            body = await self._wire.ask("POST", "/apply-template", msgspec.json.encode(asked))
        except EngineError as error:
            if isinstance(error, EngineCrashed):
                raise
            raise BadRequest(
                f"the template of {self.info.model} refuses this conversation: {error.message}",
                hint="use `--format transcript`, or leave out the system text",
            ) from error
        return msgspec.json.decode(body, type=_Rendered).prompt

    async def tokenize(self, text: str, *, special: bool, whole: bool = False) -> tuple[int, ...]:
        asked = {"content": text, "parse_special": special, "add_special": whole}
        answer = await self._wire.ask("POST", "/tokenize", msgspec.json.encode(asked))
        return msgspec.json.decode(answer, type=_Tokens).tokens

    async def bos(self) -> tuple[int, ...]:
        if self._bos is None:
            bare = await self.tokenize("a", special=False)
            whole = await self.tokenize("a", special=False, whole=True)
            # What is added behind the text (some models want an end there, too) isn't asked for.
            at = next((n for n in range(len(whole)) if whole[n : n + len(bare)] == bare), 0)
            self._bos = whole[:at]
        return self._bos

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int, origin: Origin | None = None
    ) -> AsyncGenerator[Generated, None]:
        taken = await self._keeper.take(prompt, origin)
        use = Use(self._recover, prompt, taken.slot.number if taken.slot else None, taken.reusable)
        try:
            for notice in taken.notices:
                yield notice
            if max_tokens and taken.slot:
                taken.slot.untold = ()
            unread = self._keeper.unread(prompt) if use.slot is None else len(prompt) - use.read
            if unread > READ_TOGETHER:
                to_read = prompt if max_tokens == 0 else prompt[:-1]
                asked = _completion(await self._pictures.written(to_read), sampling, 0, use.slot)
                async with aclosing(self._wire.stream(asked, use.pieces)) as events:
                    async for event in events:
                        if isinstance(event, Reading):
                            use.count(event)
                            yield event
            if max_tokens == 0:
                use.asked = unread > READ_TOGETHER
                yield Ended("length", len(prompt), use.pieces.cached, 0)
                return
            asked = _completion(await self._pictures.written(prompt), sampling, max_tokens, use.slot)
            async with aclosing(self._wire.stream(asked, use.go_on())) as events:
                async for event in events:
                    use.count(event)
                    yield event
        finally:
            self._keeper.give_back(use.slot, use.ids, taken.origin, surely=use.begun, asked=use.asked)

    async def look(self, picture: Picture) -> tuple[int, ...]:
        return await self._pictures.look(picture)

    async def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        takes_slot = not path.endswith("/input_tokens")
        passing = self._keeper.stranger() if takes_slot else contextlib.nullcontext()
        async with passing, aclosing(self._wire.relay(path, body)) as events:
            async for data in events:
                yield data

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

    def held(self) -> tuple[Held, ...]:
        return self._keeper.held()

    async def save(self, conversation_id: str | None = None, *, new_share: float = 0.0) -> None:
        await self._keeper.save(conversation_id, new_share)

    def forget(self, conversation_id: str) -> None:
        self._keeper.forget(conversation_id)

    @property
    def crashed(self) -> bool:
        """Whether it ended by itself, and not for lack of memory."""
        return self._crashed or (not self.alive and not self._closed and not self._child.short_of_memory())

    async def aclose(self) -> None:
        self._crashed = self.crashed
        self._closed = True
        if self._slots and self.alive:
            with contextlib.suppress(FiresideError, TimeoutError):
                async with asyncio.timeout(SAVING_S):
                    await self._slots.save()
        await self._child.aclose()
        if self._slots:
            await self._slots.settled()


def _completion(prompt: object, sampling: Sampling, max_tokens: int, slot: int | None) -> bytes:
    """Return the request. What `sampling` leaves open is the engine's choice."""
    chosen = {name: value for name, value in msgspec.structs.asdict(sampling).items() if value is not None}
    for not_ours in ("stop", "max_tokens"):
        chosen.pop(not_ours, None)
    if slot is not None:
        chosen["id_slot"] = slot
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
    return "gpu" if prepared.graphics != () and layers and layers[-1] > 0 else "cpu"


def _notices(device: Literal["cpu", "gpu"]) -> tuple[str, ...]:
    brand = machine.graphics_device()
    if device == "gpu" or brand is None:
        return ()
    return (
        f"This computer has a graphics processor ({brand}), but the model runs on the CPU, many times "
        f"slower. Install the engine's build for it: the {_BRANDS[brand]} wheel of xllamacpp "
        "(its README lists them), into the same environment as Fireside.",
    )
