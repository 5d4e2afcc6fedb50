"""Embeddings for programs: texts in, one vector for each in the same order.

An embedding model reads a whole text at once, so that one which is longer than its context is refused
or cut before the engine sees it.
"""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Iterator, Sequence

import msgspec

from fireside.app import App
from fireside.cards import ModelCard
from fireside.engines.protocol import Engine
from fireside.errors import BadRequest, ContextLengthExceeded, NoEmbeddings
from fireside.messages import Usage
from fireside.metrics import Metrics
from fireside.server.openai.asking import LONGEST_TOKEN
from fireside.server.relay import looked_up, names_the_default, reference_of

Text = str | tuple[int, ...]
"""what people wrote, or the ids of its tokens as they are"""

MOST_TEXTS = 2048
AT_ONCE = 16
"""Texts that the engine is given at once: it works through them all, whether anybody waits or not."""
BYTES_PER_TOKEN = 4
"""about; it only decides how many texts the engine is given at once"""
ADDED_TOKENS = 8
"""at most this many stand around a text; ids that spell it never outnumber its bytes"""


class Vectors(msgspec.Struct, frozen=True):
    """One vector of length 1 for each text, as base64 of little-endian 32-bit floats."""

    packed: tuple[str, ...]
    prompt_tokens: int

    def floats(self) -> tuple[tuple[float, ...], ...]:
        """
        >>> Vectors(("AACAPwAAAMA=",), 1).floats()
        ((1.0, -2.0),)
        """
        return tuple(map(_unpacked, self.packed))


class _Item(msgspec.Struct, frozen=True):
    index: int
    embedding: str


class _Used(msgspec.Struct, frozen=True):
    prompt_tokens: int


class _Answer(msgspec.Struct, frozen=True):
    data: tuple[_Item, ...]
    usage: _Used


async def embedding_model(app: App, name: str | None, dimensions: int | None) -> ModelCard:
    """Return the card of the embedding model that a program names, by any of its names.

    No name, `default` and `fireside` mean the configured one. NoEmbeddings for a model of another kind;
    BadRequest for `dimensions` that aren't the model's own.
    """
    if names_the_default(name) and app.settings.embedding_model:
        reference = app.settings.embedding_model
    else:
        reference = await asyncio.to_thread(reference_of, app, name)
    card = await asyncio.to_thread(app.library.card, reference)
    if card.purpose != "embedding":
        raise NoEmbeddings(
            f"{card.name} makes no embeddings: it was made for {card.purpose}",
            hint=await asyncio.to_thread(_what_would, app),
            param="model",
        )
    if dimensions and card.embedding_length and dimensions != card.embedding_length:
        raise BadRequest(
            f"dimensions: {card.name} makes {card.embedding_length}, and doesn't say that they may be cut",
            hint="leave it out",
            param="dimensions",
        )
    return card


def _what_would(app: App) -> str:
    here = ", ".join(card.name for card in app.catalogue.cards() if card.purpose == "embedding")
    if here:
        return f"name an embedding model; here are: {here}"
    return "name an embedding model's file as `embedding_model` in the settings"


async def vectors_of(
    engine: Engine, texts: Sequence[Text], metrics: Metrics, *, field: str, limit: int, truncate: bool = False
) -> Vectors:
    """Return the vectors of `texts`, of which none may have more than `limit` tokens.

    With `truncate` longer ones are cut, otherwise they are ContextLengthExceeded. `field` is what the
    request calls them. Cancelling it frees the engine when it has done what it is at.
    """
    names = [field] if len(texts) == 1 else [f"{field}[{number}]" for number in range(len(texts))]
    fitting = [
        await _fitting(engine, text, name, limit, truncate=truncate)
        for name, text in zip(names, texts, strict=True)
    ]
    packed: list[str] = []
    prompt_tokens = 0
    for group in groups(fitting, engine.info.context_length):
        sent = msgspec.json.encode({"input": group, "encoding_format": "base64"})
        answer = msgspec.json.decode(await looked_up(engine, "/v1/embeddings", sent), type=_Answer)
        packed += [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        prompt_tokens += answer.usage.prompt_tokens
    metrics.reply(Usage(prompt_tokens, 0, None), None)
    return Vectors(tuple(packed), prompt_tokens)


async def _fitting(engine: Engine, text: Text, name: str, limit: int, *, truncate: bool) -> Text:
    """Return the text, or as many of its tokens as fit."""
    if not isinstance(text, str):
        if len(text) > limit and not truncate:
            raise _too_long(name, f"{len(text):,} tokens", limit)
        return text[:limit]
    if len(text) > LONGEST_TOKEN * limit:
        if not truncate:
            raise _too_long(name, f"{len(text):,} characters", limit)
        text = text[: LONGEST_TOKEN * limit]
    if len(text.encode("utf-8", "replace")) + ADDED_TOKENS <= limit:
        return text
    # As the engine itself reads a text that is to be embedded.
    whole = await engine.tokenize(text, special=True, whole=True)
    if len(whole) <= limit:
        return whole
    if not truncate:
        raise _too_long(name, f"{len(whole):,} tokens", limit)
    return cut(whole, await engine.tokenize(text, special=True), limit)


def cut(whole: tuple[int, ...], bare: tuple[int, ...], limit: int) -> tuple[int, ...]:
    """Return the beginning of `bare` inside of what stands around it in `whole`: `limit` ids in all.

    >>> cut((101, 5, 6, 7, 102), (5, 6, 7), 4)
    (101, 5, 6, 102)
    """
    added = len(whole) - len(bare)
    before = next((at for at in range(added + 1) if whole[at : at + len(bare)] == bare), 0)
    return (*whole[:before], *bare[: max(0, limit - added)], *whole[before + len(bare) :])


def groups(texts: Sequence[Text], room: int) -> Iterator[list[Text]]:
    """Yield the texts in groups of about `room` tokens, none of more than AT_ONCE.

    >>> list(groups(["a" * 20, "b" * 20, (1, 2)], room=10))
    [['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb'], [(1, 2)]]
    """
    group: list[Text] = []
    taken = 0
    for text in texts:
        needed = len(text) // BYTES_PER_TOKEN if isinstance(text, str) else len(text)
        if group and (taken + needed > room or len(group) == AT_ONCE):
            yield group
            group, taken = [], 0
        group.append(text)
        taken += needed
    if group:
        yield group


def _too_long(name: str, size: str, limit: int) -> ContextLengthExceeded:
    return ContextLengthExceeded(
        f"{name} has {size}; the model reads {limit:,} tokens at once",
        hint="send it in parts",
        param=name.partition("[")[0],
    )


def _unpacked(packed: str) -> tuple[float, ...]:
    data = base64.b64decode(packed)
    return struct.unpack(f"<{len(data) // 4}f", data)
