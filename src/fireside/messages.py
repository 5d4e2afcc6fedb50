"""The values of a conversation: parts, messages, sampling, usage, receipts.

They know no ids of a database, no HTTP and no engine. As `msgspec.Struct`s they are also the
shapes of the API: the server encodes them, the client decodes them, and no dict travels inward.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

S = TypeVar("S", bound=msgspec.Struct)


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the values that people send in: immutable, and strict about unknown fields."""


class Role(enum.StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class TextPart(Value, tag_field="type", tag="text", frozen=True):
    """Words, as they were said."""

    text: str


class ReasoningPart(Value, tag_field="type", tag="reasoning", frozen=True):
    """What a model thought before it answered; shown folded."""

    text: str


class FilePart(Value, tag_field="type", tag="file", frozen=True):
    """A text file that was attached: the model is given its name and its text."""

    name: str
    text: str


class ImagePart(Value, tag_field="type", tag="image", frozen=True):
    """A picture: a model that sees is given it, and every other its name."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    data: str
    """PNG, JPEG or GIF, as base64"""


Part = TextPart | ReasoningPart | FilePart | ImagePart


class Message(msgspec.Struct, frozen=True):
    """A role and its parts."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """What was said: the text parts only."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def prompt_text(self) -> str:
        """What a model is given for this message: attached files first, then the words.

        Of pictures it is told the names; one that sees is shown them, too.

        >>> Message(Role.USER, (FilePart("a.txt", "one"), TextPart("Why?"))).prompt_text
        'a.txt:\\n\\none\\n\\nWhy?'
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], TextPart):
            return self.parts[0].text  # as nearly all are: a long branch asks for all of its texts each turn
        files = [f"{part.name}:\n\n{part.text}" for part in self.parts if isinstance(part, FilePart)]
        pictures = [f"[picture: {part.name}]" for part in self.pictures]
        return "\n\n".join([*pictures, *files, *([self.text] if self.text else [])])

    @property
    def pictures(self) -> tuple[ImagePart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ImagePart))


def said(role: Role, text: str) -> Message:
    """Return a message of one text part."""
    return Message(role, (TextPart(text),))


class PromptFormat(enum.StrEnum):
    """How a branch is put in front of a model."""

    CHAT = "chat"
    """the model's own template"""
    TRANSCRIPT = "transcript"
    """`Alice: … Bob: …`, for models without a template and for whoever wants it"""


Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
SpeakerName = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Stop = Annotated[str, Meta(min_length=1, max_length=200)]


class Sampling(Value, frozen=True):
    """How the next token is chosen; None leaves it to whoever decides next.

    The meanings and defaults are llama.cpp's (tools/server/README.md, "POST /completion").
    """

    temperature: Annotated[float, Meta(ge=0.0, le=100.0)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    top_p: Probability | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    repeat_penalty: Annotated[float, Meta(gt=0.0, le=10.0)] | None = None
    repeat_last_n: Annotated[int, Meta(ge=-1, le=1_000_000)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2.0, le=2.0)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2.0, le=2.0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    seed: Annotated[int, Meta(ge=0, le=4_294_967_294)] | None = None
    stop: Annotated[tuple[Stop, ...], Meta(max_length=16)] | None = None

    def merged(self, over: Sampling) -> Sampling:
        """Return these settings with every one that `over` names replaced.

        >>> Sampling(top_k=10, seed=1).merged(Sampling(seed=2))
        Sampling(temperature=None, top_k=10, top_p=None, min_p=None, typical_p=None, \
repeat_penalty=None, repeat_last_n=None, presence_penalty=None, frequency_penalty=None, \
max_tokens=None, seed=2, stop=None)
        """
        return _merged(self, over)


class Defaults(Value, frozen=True):
    """What a conversation, a persona or one request says about how to answer; None leaves it open."""

    model: str | None = None
    persona: str | None = None
    system: Annotated[str, Meta(max_length=200_000)] | None = None
    sampling: Sampling = Sampling()
    format: PromptFormat | None = None
    me: SpeakerName | None = None
    you: SpeakerName | None = None
    reasoning: bool | None = None
    """whether the model thinks before it answers, where its template lets one choose"""

    def changed(self, choices: Mapping[str, Any]) -> Defaults:
        """Return these defaults with all that `choices` names replaced, in sampling too; None takes it away.

        >>> Defaults(me="Alice", you="Bob").changed({"me": None}) == Defaults(you="Bob")
        True
        """
        said = msgspec.to_builtins(self)
        sampling = {**msgspec.to_builtins(self.sampling), **choices.get("sampling", {})}
        return msgspec.convert({**said, **choices, "sampling": sampling}, Defaults)

    def merged(self, over: Defaults) -> Defaults:
        """Return these defaults with everything that `over` names replaced, sampling included."""
        sampling = self.sampling.merged(over.sampling)
        return msgspec.structs.replace(_merged(self, over), sampling=sampling)


def _merged(under: S, over: S) -> S:
    named = {key: value for key, value in msgspec.structs.asdict(over).items() if value is not None}
    return msgspec.structs.replace(under, **named)


class Usage(msgspec.Struct, frozen=True):
    """Token counts of one reply. `cached_tokens` is None where the engine doesn't tell."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None


class Timings(msgspec.Struct, frozen=True):
    """How long one reply took, by a monotonic clock, from the moment it was started."""

    first_token_ms: float | None
    tokens_per_second: float | None
    total_ms: float


class Receipt(msgspec.Struct, frozen=True):
    """What the model was given for one reply.

    Each message id of the branch is in exactly one of `included` (word for word), `digested`
    and `omitted`; `recalled` repeats ids of the last two. `reason` says in plain words why
    anything is not in `included`. `memories` are the ids of those that it was given.
    """

    context_length: int
    prompt_tokens: int
    included: tuple[str, ...]
    digest: str | None = None
    digested: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    reason: str | None = None
    memories: tuple[str, ...] = ()


Place = Literal["here", "elsewhere"]
"""where a model computes, so where what is said goes: this machine, or another one"""

FinishReason = Literal["stop", "length", "repetition", "stopped", "error"]
