"""A dialogue as token ids: the template's frames, and the contents between them, tokenised apart."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import msgspec

from fireside.engines.protocol import Engine
from fireside.errors import BadRequest, NoTemplate
from fireside.messages import Defaults, PromptFormat, Role
from fireside.prompt import Frame, frames_of, tellings, transcript_content, transcript_frames

Ids = tuple[int, ...]
REMEMBERED_DIALOGUES = 64
Key = tuple[str, bool | None, tuple[Role, ...], str]
"""a model, whether it thinks, who speaks, and the day, which some templates tell"""


class Tokenize(Protocol):
    async def __call__(self, engine: Engine, text: str, *, special: bool) -> Ids: ...


class Layout(msgspec.Struct, frozen=True):
    """How a branch is laid out for a model: its system text, format and names, and whether it thinks."""

    system: str | None
    format: PromptFormat
    me: str
    you: str
    reasoning: bool | None = None

    def name_of(self, role: Role) -> str:
        """What a speaker is called in a digest and in quotes."""
        return {Role.USER: self.me, Role.ASSISTANT: self.you, Role.SYSTEM: "System"}[role]


def layout_of(defaults: Defaults, *, has_template: bool = True) -> Layout:
    """Return the layout with what was left open filled in.

    Where nobody asked for a format, a model without a chat template goes on with a transcript.

    >>> layout_of(Defaults(), has_template=False).format.value
    'transcript'
    """
    usual = PromptFormat.CHAT if has_template else PromptFormat.TRANSCRIPT
    return Layout(
        defaults.system or None,
        defaults.format or usual,
        defaults.me or "User",
        defaults.you or "Assistant",
        defaults.reasoning,
    )


class Laid(msgspec.Struct, frozen=True):
    """Messages as ids between their frames.

    `head` counts the tokens that no message owns (system text, the reply's frame), `sizes` those of
    each message with its frame.
    """

    frames: tuple[Frame, ...]
    contents: tuple[Ids, ...]
    head: int
    sizes: tuple[int, ...]

    @property
    def total(self) -> int:
        return self.head + sum(self.sizes)


class Frames:
    """The frames of dialogues that were laid out lately: with as many messages they are the same.

    A template takes longer the more there are, so they are found while nobody waits (what is read ahead and
    while somebody types has the frames of the next prompt).
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Key, tuple[Frame, ...]] = OrderedDict()

    def find(self, key: Key) -> tuple[Frame, ...] | None:
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def keep(self, key: Key, frames: tuple[Frame, ...]) -> None:
        self._known[key] = frames
        if len(self._known) > REMEMBERED_DIALOGUES:
            self._known.popitem(last=False)


class Framing:
    """Lays out messages for one engine."""

    def __init__(self, tokenize: Tokenize, frames: Frames, layout: Layout, engine: Engine) -> None:
        self._tokenize = tokenize
        self._known = frames
        self.layout = layout
        self.engine = engine

    async def lay(self, roles: Sequence[Role], contents: Sequence[Ids]) -> Laid:
        """Frame these contents and measure them. BadRequest for a template that drops or repeats messages."""
        frames = await self._frames(roles)
        framed = [len(await self._frame(frame)) for frame in frames]
        system = 0 if self.layout.system is None else 1
        head = framed[-1] + len(await self._bos()) + sum(framed[:system])
        if self.layout.system is not None:
            head += len(await self.content(Role.SYSTEM, self.layout.system))
        sizes = [len(ids) + frame for ids, frame in zip(contents, framed[system:], strict=False)]
        return Laid(frames, tuple(contents), head, tuple(sizes))

    async def join(self, laid: Laid) -> Ids:
        """Return the whole prompt's ids."""
        contents: Sequence[Ids] = laid.contents
        if self.layout.system is not None:
            contents = [await self.content(Role.SYSTEM, self.layout.system), *contents]
        ids = [*await self._bos()]
        for frame in laid.frames:
            ids += await self._frame(frame)
            if frame.index is not None:
                ids += contents[frame.index]
        return tuple(ids)

    async def beginning(self, roles: Sequence[Role], contents: Sequence[Ids]) -> Ids:
        """Return what the next prompt begins with: these messages, and the frame before its question."""
        laid = await self.lay([*roles, Role.USER], [*contents, ()])
        return await self.join(msgspec.structs.replace(laid, frames=laid.frames[:-1]))

    async def content(self, role: Role, text: str) -> Ids:
        """Return what somebody said as ids: people's text, never control tokens."""
        if self.layout.format is PromptFormat.TRANSCRIPT:
            text = transcript_content(role, text)
        return await self._tokenize(self.engine, text, special=False)

    async def count(self, text: str) -> int:
        """Return how many tokens people's text takes."""
        return len(await self._tokenize(self.engine, text, special=False))

    async def _frames(self, roles: Sequence[Role]) -> tuple[Frame, ...]:
        """Return the frames around the system text (if any) and messages of these roles."""
        system = [] if self.layout.system is None else [Role.SYSTEM]
        everyone = [*system, *roles]
        if self.layout.format is PromptFormat.TRANSCRIPT:
            return transcript_frames(everyone, me=self.layout.me, you=self.layout.you)
        key = (self.engine.info.identity, self.layout.reasoning, tuple(everyone), time.strftime("%x"))
        if (known := self._known.find(key)) is not None:
            return known
        frames = frames_of(await self._render(everyone))
        if [frame.index for frame in frames[:-1]] != list(range(len(everyone))):
            raise BadRequest(
                f"the chat template of {self.engine.info.model} drops or repeats messages",
                hint="use another model, or `--format transcript`",
            )
        self._known.keep(key, frames)
        return frames

    async def _render(self, roles: Sequence[Role]) -> str:
        """Return what the template makes of `roles`.

        Some templates refuse a system text, or a dialogue that the model begins (a persona's first
        message): then the system text is told as a person's, or a greeting goes before.
        """
        refused: BadRequest | None = None
        for messages in tellings(roles):
            try:
                return await self.engine.render(messages, reasoning=self.layout.reasoning)
            except NoTemplate:
                raise
            except BadRequest as error:
                refused = refused or error
        assert refused is not None  # noqa: S101 - there is always a first telling
        raise refused

    async def _bos(self) -> Ids:
        """A template writes its own beginning of text; a transcript doesn't."""
        return await self.engine.bos() if self.layout.format is PromptFormat.TRANSCRIPT else ()

    async def _frame(self, frame: Frame) -> Ids:
        """Names in a transcript's frames are people's text: no control tokens there."""
        special = self.layout.format is PromptFormat.CHAT
        return await self._tokenize(self.engine, frame.text, special=special)
