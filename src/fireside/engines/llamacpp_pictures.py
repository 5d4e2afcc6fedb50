"""Pictures in prompts for llama.cpp's server, which takes them in a text only: a mark stands for each.

A prompt is ids, and negative ones stand for pictures. It becomes a text (`/detokenize`) that the server
reads again with control tokens understood, so whatever people wrote that looks like one is broken up first.
The mark is random for each engine process, and nobody but the server and this module knows it.
Format: llama.cpp, tools/server/README.md, `multimodal_data`.
"""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from itertools import groupby
from typing import Protocol

import msgspec

from fireside.disarming import broken_up
from fireside.errors import BadPicture, EngineCrashed, EngineError
from fireside.pictures import Picture

REMEMBERED_BYTES = 256_000_000
"""far more than fits into a window at once"""
_CANDIDATES = re.compile(r"<[^<>\n]{1,60}>|\[[^\[\]\n]{1,40}\]")

Ask = Callable[[str, str, bytes], Awaitable[bytes]]
Relay = Callable[[str, bytes], AsyncGenerator[bytes, None]]


class Tokenize(Protocol):
    async def __call__(self, text: str, *, special: bool) -> tuple[int, ...]: ...


class _Content(msgspec.Struct):
    content: str


class _Counted(msgspec.Struct):
    input_tokens: int


class Written(msgspec.Struct, frozen=True):
    """A prompt as the server takes it: a text with marks, and in their order what they stand for."""

    prompt_string: str
    multimodal_data: tuple[str, ...]


class Pictures:
    """The pictures that one engine was shown, those of lately."""

    def __init__(
        self, ask: Ask, relay: Relay, tokenize: Tokenize, bos: Callable[[], Awaitable[tuple[int, ...]]]
    ) -> None:
        self._ask = ask
        self._relay = relay
        self._tokenize = tokenize
        self._bos = bos
        self.marker = ""
        self._seen: OrderedDict[int, tuple[Picture, int]] = OrderedDict()
        """pictures by their ids, with the tokens that they take"""
        self._seen_bytes = 0

    async def look(self, picture: Picture) -> tuple[int, ...]:
        """Return as many negative ids as the picture takes tokens, and remember what they stand for."""
        number = -2 - int(picture.identity[:7], 16)
        while number in self._seen and self._seen[number][0].data != picture.data:
            number -= 1
        if number not in self._seen:
            tokens = await self._count(picture)
            self._seen[number] = (picture, tokens)
            self._seen_bytes += len(picture.data)
        self._seen.move_to_end(number)
        while self._seen_bytes > REMEMBERED_BYTES and len(self._seen) > 1:
            _, (oldest, _tokens) = self._seen.popitem(last=False)
            self._seen_bytes -= len(oldest.data)
        return (number,) * self._seen[number][1]

    async def _count(self, picture: Picture) -> int:
        """Return how many tokens it takes: what a message has more with it than without. It reads nothing."""
        data = base64.b64encode(picture.data).decode()
        url = {"url": f"data:{picture.media_type};base64,{data}"}
        text = {"type": "text", "text": "a"}
        try:
            return await self._tokens_of([{"type": "image_url", "image_url": url}, text]) - (
                await self._tokens_of([text])
            )
        except EngineCrashed:
            raise
        except EngineError as error:
            raise BadPicture(
                f"the picture can't be decoded: {error.message}", hint="send a PNG, JPEG or GIF that is whole"
            ) from error

    async def _tokens_of(self, content: object) -> int:
        asked = msgspec.json.encode({"messages": [{"role": "user", "content": content}], "stream": True})
        async with aclosing(self._relay("/v1/chat/completions/input_tokens", asked)) as answers:
            async for data in answers:
                return msgspec.json.decode(data, type=_Counted).input_tokens
        raise EngineError("the engine gave no answer", hint="ask again")

    async def written(self, prompt: Sequence[int]) -> object:
        """Return the prompt as the server takes it: the ids as they are where there is no picture."""
        if not any(number < 0 for number in prompt):
            return prompt
        bos = await self._bos()  # which the server writes before every text
        prompt = prompt[len(bos) :] if tuple(prompt[: len(bos)]) == bos else prompt
        text: list[str] = []
        shown: list[str] = []
        for picture_number, run in groupby(prompt, key=lambda number: min(number, 0)):
            ids = tuple(run)
            if picture_number == 0:
                text.append(await self._plain_text(ids))
                continue
            if picture_number not in self._seen:
                raise EngineError("too many pictures at once", hint="ask again, or with fewer of them")
            picture, tokens = self._seen[picture_number]
            times = len(ids) // tokens
            text.append(self.marker * times)
            shown += [base64.b64encode(picture.data).decode()] * times
        return Written("".join(text), tuple(shown))

    async def _plain_text(self, ids: tuple[int, ...]) -> str:
        """Return the text of `ids` so that it is read as these control tokens, and no others."""
        text = await self._detokenized(ids)
        named = {one: await self._control(one) for one in set(_CANDIDATES.findall(text))}
        control = {number: one for one, number in named.items() if number is not None}
        if not control:
            return text
        pieces = []
        for number, run in groupby(ids, key=lambda number: number if number in control else None):
            if number is not None:
                pieces.append(control[number] * len(tuple(run)))
            else:
                piece = await self._detokenized(tuple(run))
                for one in control.values():
                    piece = piece.replace(one, broken_up(one))
                pieces.append(piece)
        return "".join(pieces)

    async def _control(self, text: str) -> int | None:
        """Return the control token that a text is read as; None for any other text."""
        ids = await self._tokenize(text, special=True)
        return ids[0] if len(ids) == 1 and ids != await self._tokenize(text, special=False) else None

    async def _detokenized(self, ids: tuple[int, ...]) -> str:
        answer = await self._ask("POST", "/detokenize", msgspec.json.encode({"tokens": ids}))
        return msgspec.json.decode(answer, type=_Content).content


__all__ = ["Pictures", "Written"]
