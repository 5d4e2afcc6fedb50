"""What an engine is to the rest of the program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from fireside.messages import Message, Sampling


class ModelFile(msgspec.Struct, frozen=True):
    """What an engine is asked to load. `identity` changes whenever the weights do."""

    reference: str
    path: Path
    identity: str
    context_length: int
    """tokens that one conversation may hold"""
    has_template: bool
    """whether the model's own header carries a chat template"""


class EngineInfo(msgspec.Struct, frozen=True):
    """What a loaded engine is. `notices` are plain sentences that a person must be told."""

    engine: str
    model: str
    identity: str
    context_length: int
    slots: int
    has_template: bool
    takes_token_ids: bool
    device: Literal["cpu", "gpu"]
    build: str
    load_ms: float
    pid: int | None = None
    notices: tuple[str, ...] = ()
    takes_tools: bool = False
    """whether the model's template knows calls of functions"""
    reasons: bool = False
    """whether its template knows thoughts before an answer"""


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


Generated = Reading | Piece | Ended


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

    async def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return the token ids of `text`, without a beginning-of-text token.

        With `special`, control tokens are read as such: for text from templates, never from people.
        """
        ...

    async def bos(self) -> tuple[int, ...]:
        """Return what the model wants before any text that its template doesn't write itself."""
        ...

    def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int
    ) -> AsyncGenerator[Generated, None]:
        """Generate after `prompt`. `sampling.stop` and `sampling.max_tokens` are the caller's business.

        Closing the iterator (`aclose`) frees the engine's slot within 2 seconds.
        """
        ...

    def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """Pass a request to the engine's own OpenAI-style interface, and yield its events' data.

        `body` asks for a stream, always: only so does the engine notice that somebody left. The
        last data is `[DONE]`. What only looks something up (`…/input_tokens`) is one data: the
        answer's JSON. BadRequest where the engine refuses it. Closing the iterator frees the slot
        within 2 seconds.
        """
        ...

    async def aclose(self) -> None:
        """End the engine and its process."""
        ...


LoadProgress = Callable[[float], None]
"""Called with the share loaded so far, from 0.0 to 1.0."""
