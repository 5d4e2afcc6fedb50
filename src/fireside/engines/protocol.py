"""What an engine is to the rest of the program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol, cast

import msgspec

from fireside.aliases import Adapter
from fireside.cards import EngineName, Pooling, ThreadReason
from fireside.engines.threads import Choice
from fireside.messages import Message, Place, Sampling
from fireside.pictures import Picture
from fireside.profiles import PLAIN, Tuned


class ModelFile(msgspec.Struct, frozen=True):
    """What an engine is asked to load. `identity` changes whenever the weights do."""

    reference: str
    path: Path
    identity: str
    context_length: int
    """tokens that one conversation may hold"""
    has_template: bool
    """whether the model's own header carries a chat template"""
    pooling: Pooling | None = None
    """how an embedding model makes one vector of a text; None for a model that writes"""
    cache_token_bytes: int = 0
    """of memory for each token of a conversation"""
    batch_token_bytes: int = 0
    """of memory for each token that is read at once"""
    engine: EngineName = "llamacpp"
    size_bytes: int | None = None
    """of all its weights together, where they are more than the file at `path`"""
    adapters: tuple[Adapter, ...] = ()
    projector: Path | None = None
    """turns pictures into what the model reads"""
    idle_s: float | None = None
    """how long it stays when nobody uses it; None leaves it to the settings"""
    allowed_code: tuple[tuple[str, str], ...] = ()
    """code that the model's folder brings and that may run: each file's name and SHA-256"""
    tuned: Tuned = PLAIN
    """how it runs best here, as far as that was measured or set"""
    weighs: bool = False
    """whether it must tell how probable each word is, which no engine does of what it drafted"""


class EngineInfo(msgspec.Struct, frozen=True):
    """What a loaded engine is. `notices` are plain sentences that a person must be told."""

    engine: str
    model: str
    identity: str
    context_length: int
    slots: int
    has_template: bool
    takes_token_ids: bool
    device: Literal["cpu", "gpu", "elsewhere"]
    build: str
    load_ms: float
    pid: int | None = None
    threads: int | None = None
    """that write replies"""
    prompt_threads: int | None = None
    notices: tuple[str, ...] = ()
    sees: bool = False
    """whether it can be shown pictures: then it is an `Eyes`, too"""
    takes_tools: bool = False
    """whether the model's template knows calls of functions"""
    reasons: bool = False
    """whether its template knows thoughts before an answer"""
    cuttable: bool = True
    """whether what it has read can be cut to any beginning; a sliding window or a recurrent memory can't be:
    they go on from their end, or from a checkpoint that the engine made"""
    place: Place = "here"
    tuned: bool = False
    """whether it was started as a profile says"""
    counts: Literal["exact", "estimated"] = "exact"
    """whether its tokens are counted by the model's own tokenizer"""
    threads_because: tuple[ThreadReason, ...] = ()
    choice: Choice | None = None
    """what threads were chosen by; None where that isn't ours to choose"""


class Reading(msgspec.Struct, frozen=True):
    """How far the prompt was read: tokens in all, tokens that were cached, tokens read so far."""

    prompt_tokens: int
    cached_tokens: int
    done_tokens: int


class Piece(msgspec.Struct, frozen=True):
    """What was generated next: whole characters, and the ids of the tokens that spell them.

    A piece may carry ids and no text (a token that isn't shown) but never half a character.
    """

    text: str
    ids: tuple[int, ...]


class Ended(msgspec.Struct, frozen=True):
    """The engine's own end of a generation, with its own counts; always the last one."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    cached_tokens: int | None
    completion_tokens: int


class Notice(msgspec.Struct, frozen=True):
    """Something that a person must be told of this generation; comes before everything else."""

    text: str


Generated = Notice | Reading | Piece | Ended


class Origin(msgspec.Struct, frozen=True):
    """Whose prompt it is: the conversation, and the last message in it.

    Without `keep` what is read for it never leaves the engine's memory, whatever the vault keeps. Where the
    prompt ends in what nobody has sent yet, its first `sent_tokens` alone are the conversation's, and the
    rest never leaves, either.
    """

    conversation_id: str
    message_id: str
    keep: bool = True
    sent_tokens: int | None = None


class Held(msgspec.Struct, frozen=True):
    """What an engine still has of a conversation, in tokens that it has read."""

    origin: Origin
    tokens: int


class Vault(Protocol):
    """What an engine needs of the snapshots room; see `memory.snapshots.Snapshots`."""

    @property
    def folder(self) -> Path: ...

    @property
    def enabled(self) -> bool: ...

    @property
    def limit_bytes(self) -> int: ...

    def keeps(self, conversation_id: str) -> bool: ...

    def longest(self, key: str, ids: bytes, *, whole: bool) -> tuple[str, bytes, int] | None: ...

    def sound(self, name: str) -> bool: ...

    def path(self, name: str) -> str: ...

    def drop(self, name: str) -> None: ...

    def keep(
        self, made: Path, *, key: str, model: str, conversation_id: str, message_id: str, ids: bytes
    ) -> bool: ...


class Engine(Protocol):
    """A running model server. Every method may raise EngineCrashed (or EngineOutOfMemory)."""

    @property
    def info(self) -> EngineInfo: ...

    @property
    def alive(self) -> bool: ...

    async def render(self, messages: Sequence[Message], *, reasoning: bool | None = None) -> str:
        """Return the text that the model's template makes of `messages` and an answer's beginning.

        `reasoning` says whether the model is to think first, where its template leaves that open.
        NoTemplate where the model has none; BadRequest where its template refuses them.
        """
        ...

    async def tokenize(self, text: str, *, special: bool, whole: bool = False) -> tuple[int, ...]:
        """Return the token ids of `text`, without a beginning-of-text token.

        With `special`, control tokens are read as such: for text from templates, never from people.
        With `whole`, the ids have around them what the model wants around a text.
        """
        ...

    async def bos(self) -> tuple[int, ...]:
        """Return what the model wants before any text that its template doesn't write itself."""
        ...

    def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int, origin: Origin | None = None
    ) -> AsyncGenerator[Generated, None]:
        """Generate after `prompt`. `sampling.stop` and `sampling.max_tokens` are the caller's business.

        With `max_tokens=0` it is only read, where more than a token is left to read. What is read for an
        `origin` is held as that conversation's, and may be saved; without one it is nobody's. Closing the
        iterator (`aclose`) frees the engine's slot within 2 seconds.
        """
        ...

    def held(self) -> tuple[Held, ...]:
        """Return what conversations would find read already; empty for engines that don't tell."""
        ...

    async def save(self, conversation_id: str | None = None, *, new_share: float = 0.0) -> None:
        """Save on disk what is held of a conversation (by default of all) and isn't there yet.

        Only where at least `new_share` of it is new. Harmless where nothing can be saved, or is in use.
        """
        ...

    def forget(self, conversation_id: str) -> None:
        """Hold nothing as this conversation's any more."""
        ...

    def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """Pass a request to the engine's own OpenAI-style interface, and yield its events' data.

        `body` asks for a stream, always: only so does the engine notice that somebody left. The
        last data is `[DONE]`. What writes nothing (`…/input_tokens`, `/v1/embeddings`) is one data:
        the answer's JSON. BadRequest where the engine refuses it. Closing the iterator frees the slot
        within 2 seconds.
        """
        ...

    async def aclose(self) -> None:
        """End the engine and its process."""
        ...


class Eyes(Protocol):
    """An engine whose model sees."""

    async def look(self, picture: Picture) -> tuple[int, ...]:
        """Return what stands for a picture in a prompt for `generate`: as many ids as it takes tokens.

        They are negative, and the same for the same picture only. BadPicture where it can't be decoded.
        """
        ...


def eyes_of(engine: Engine) -> Eyes | None:
    """Return what shows pictures to the engine's model; None where it doesn't see."""
    return cast("Eyes", engine) if engine.info.sees else None


LoadProgress = Callable[[float], None]
"""Called with the share loaded so far, from 0.0 to 1.0."""
