"""The `transformers` engine: models of PyTorch's kind in a child process, for what has no GGUF.

It speaks to its child in llama.cpp's shapes (`llamacpp_wire`, `llamacpp_stream`), so that what holds of ids,
limits and cancelling there holds here. Only the child imports torch. One conversation is written at a time.
"""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from fireside.engines import loopback, machine
from fireside.engines.child import Child
from fireside.engines.conditions import Watch
from fireside.engines.llamacpp_stream import Pieces
from fireside.engines.llamacpp_wire import Wire
from fireside.engines.protocol import (
    EngineInfo,
    Generated,
    Held,
    LoadProgress,
    ModelFile,
    Origin,
    Vault,
)
from fireside.engines.threads import Choice, Wish
from fireside.engines.transformers_refusals import MISSING, refusal
from fireside.engines.transformers_relay import relayed
from fireside.engines.transformers_task import Answer, Listening, Prepared, Refused, Task
from fireside.errors import (
    BadRequest,
    EngineCrashed,
    EngineError,
    EngineUnavailable,
    NoEmbeddings,
    NoTemplate,
)
from fireside.footprint import TORCH_BYTES
from fireside.messages import Message, Sampling
from fireside.settings import Settings

COMMAND = (sys.executable, "-P", "-m", "fireside.engines.transformers_child")
PATIENCE_S = 120.0
"""torch alone takes long to be read from a slow disk, and says nothing meanwhile"""
NEEDED = ("torch", "transformers", "accelerate")

_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


class _Rendered(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: tuple[int, ...]


async def start(
    model: ModelFile,
    settings: Settings,
    progress: LoadProgress | None = None,
    *,
    vault: Vault | None = None,
    command: Sequence[str] = COMMAND,
    patience_s: float = PATIENCE_S,
) -> TransformersEngine:
    """Load the model in the folder `model.path` in a child process and return its engine; `vault` is unused.

    EngineUnavailable where the libraries are missing or a setting can't be met, ModelDamaged where the folder
    can't be loaded, NotTrusted where its code isn't what was allowed, EngineOutOfMemory where it doesn't fit.
    """
    if model.pooling is not None:
        raise NoEmbeddings(
            f"{model.reference} makes embeddings, which this engine doesn't do",
            hint="use it as GGUF: fireside models search finds one",
        )
    if model.adapters or model.projector:
        raise BadRequest(
            f"{model.reference} runs by transformers, which takes no adapters or projectors of llama.cpp's",
            hint="leave them out of the alias, or use the model as GGUF",
            param="model",
        )
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise EngineUnavailable(
            f"this model runs by libraries that aren't installed here: {', '.join(missing)}", hint=MISSING
        )
    began = time.monotonic()
    home = await asyncio.to_thread(tempfile.mkdtemp, prefix="fireside-transformers-")
    try:
        return await _started(model, settings, progress, home, began, command, patience_s)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


async def _started(
    model: ModelFile,
    settings: Settings,
    progress: LoadProgress | None,
    home: str,
    began: float,
    command: Sequence[str],
    patience_s: float,
) -> TransformersEngine:
    watch = Watch()
    key = secrets.token_hex(32)
    child = await Child.start(command, machine.child_environment(), secret=key)
    try:
        wanted = settings.prompt_threads or settings.threads
        choice = Choice(Wish(wanted, wanted), yields=sys.platform == "linux")
        threads = await watch.threads(choice, child.pid)
        task = Task(
            path=str(model.path.absolute()),
            key=key,
            context_length=model.context_length,
            # torch has one number for everything, and prompts gain more from many.
            threads=threads.prompt,
            home=home,
            weights=settings.transformers_weights,
            code=dict(model.allowed_code),
        )
        await child.tell(msgspec.json.encode(task) + b"\n")
        prepared, listening = await _hear(child, model, patience_s, progress)
    except BaseException:
        await child.aclose()
        raise
    if progress:
        progress(1.0)
    info = EngineInfo(
        engine="transformers",
        model=model.reference,
        identity=model.identity,
        context_length=model.context_length,
        slots=1,
        has_template=model.has_template,
        takes_token_ids=True,
        device=listening.device,
        build=f"{prepared.build}, {listening.dtype}",
        load_ms=(time.monotonic() - began) * 1000,
        pid=child.pid,
        notices=_notices(listening),
        reasons=model.has_template and listening.reasons,
        cuttable=listening.cuttable,
        threads=threads.prompt,
        prompt_threads=threads.prompt,
        threads_because=threads.because,
    )
    return TransformersEngine(child, Wire(child, loopback.Address.parse(listening.address), key), info, home)


async def _hear(
    child: Child, model: ModelFile, patience_s: float, progress: LoadProgress | None
) -> tuple[Prepared, Listening]:
    size_bytes = TORCH_BYTES + (model.size_bytes or 0)
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


class TransformersEngine:
    """A model loaded by transformers; made by `start`."""

    def __init__(self, child: Child, wire: Wire, info: EngineInfo, home: str) -> None:
        self._child = child
        self._wire = wire
        self._home = Path(home)
        self.info = info
        self._bos: tuple[int, ...] | None = None

    @property
    def alive(self) -> bool:
        return self._child.alive

    async def render(self, messages: Sequence[Message], *, reasoning: bool | None = None) -> str:
        turns = [{"role": message.role.value, "content": message.prompt_text} for message in messages]
        return await self.render_told(turns, reasoning=reasoning)

    async def render_told(self, turns: list[dict[str, str]], *, reasoning: bool | None = None) -> str:
        """Do what `render` does, for messages of roles that Fireside doesn't have."""
        if not self.info.has_template:
            raise NoTemplate(
                f"{self.info.model} has no chat template",
                hint="use `--format transcript`, or choose a model that was tuned for chat",
            )
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

    def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int, origin: Origin | None = None
    ) -> AsyncGenerator[Generated, None]:
        choice = {
            name: value for name, value in msgspec.structs.asdict(sampling).items() if value is not None
        }
        return self.generate_with(prompt, choice, max_tokens=max_tokens)

    async def generate_with(
        self, prompt: Sequence[int], choice: dict[str, object], *, max_tokens: int
    ) -> AsyncGenerator[Generated, None]:
        """Do what `generate` does, for a choice of tokens that has more to it than `Sampling`."""
        asked = msgspec.json.encode(choice | {"prompt": prompt, "n_predict": max_tokens})
        async with aclosing(self._wire.stream(asked, Pieces(_spelled, len(prompt)))) as events:
            async for event in events:
                yield event

    async def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        async with aclosing(relayed(self, path, body)) as events:
            async for data in events:
                yield data

    def held(self) -> tuple[Held, ...]:
        """Return nothing: it keeps the last conversation's states, and doesn't promise them."""
        return ()

    async def save(self, conversation_id: str | None = None, *, new_share: float = 0.0) -> None:
        """Nothing of it can be saved."""

    def forget(self, conversation_id: str) -> None:
        """It doesn't know whose states it keeps."""

    async def aclose(self) -> None:
        await self._child.aclose()
        await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)


async def _spelled(text: str, count: int, last: int) -> tuple[int, ...]:
    """The child tells the ids of every piece, so that nobody asks for them."""
    raise EngineError("the engine told a text without its ids", hint="ask again")


def _notices(listening: Listening) -> tuple[str, ...]:
    if listening.device == "cpu":
        brand = machine.graphics_device()
        where = f", and this computer's graphics processor ({brand}) isn't used" if brand else ""
        build = ": install torch's build for it" if brand else ""
        return (
            f"This model runs on the CPU by transformers{where}{build}. The same model as GGUF, where there "
            "is one, is several times faster and smaller.",
        )
    if listening.offloaded:
        return (
            "A part of this model lies in the computer's memory, because the graphics processor has no room "
            'for all of it: that is many times slower. `transformers_weights = "4bit"` makes it smaller.',
        )
    return ()
