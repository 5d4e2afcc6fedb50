"""A request longer than the window that asks to be fitted: its older messages become a digest.

Without `"fireside": {"overflow": "digest"}` such a request is refused with counts. The rules are those of
conversations (`fireside.window`, `fireside.memory`); the receipt goes with the answer, its ids being the
places of the request's messages, counted from 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from fireside.engines.protocol import Engine
from fireside.memory.digest import Line, Said, compose, digest_block, lines_of
from fireside.memory.recall import find, quotes_block
from fireside.messages import Receipt, Role, Value
from fireside.server.relay import counted
from fireside.window import COMPACT_TO, Budget, Given, Sized, first_kept, make_receipt

FRAME_TOKENS = 8
"""about what a template writes around a message; the engine's own count decides"""
BYTES_PER_TOKEN = 4
TRIES = 8
NAMES = {"user": "User", "assistant": "Assistant", "tool": "Function"}


class Extras(Value, frozen=True):
    """What a request may ask of Fireside alone."""

    overflow: Literal["refuse", "digest"] = "refuse"


class Fitted(msgspec.Struct, frozen=True):
    messages: list[dict[str, Any]]
    receipt: Receipt


async def fitted(engine: Engine, path: str, body: dict[str, Any], told: int) -> Fitted | None:
    """Return the messages of `body` as they fit the engine's window, and the receipt.

    `told` is how many messages the request had: what was put before them has no place. None where
    not even so they fit.
    """
    messages: list[dict[str, Any]] = body["messages"]
    budget = Budget.of(engine.info.context_length, body.get("max_tokens"))
    tokens = await counted(engine, path, body)
    places = [str(place - (len(messages) - told)) for place in range(len(messages))]
    if tokens <= budget.prompt:
        return Fitted(messages, _receipt(places, Given(tuple(places)), budget, tokens, told))
    work = await _Work.of(engine, messages, budget)
    digest_tokens, quotes = budget.digest, work.quotes
    for _ in range(TRIES):
        if not work.evicted:
            return None
        digest = await asyncio.to_thread(work.digest, digest_tokens)
        shorter = work.told(digest, quotes)
        tokens = await counted(engine, path, {**body, "messages": shorter})
        if tokens <= budget.prompt:
            kept = tuple(places[: work.head] + places[work.head + len(work.evicted) :])
            recalled = frozenset(places[work.head + int(quote.message_id)] for quote in quotes)
            given = Given(kept, digest=digest or None, recalled=recalled)
            return Fitted(shorter, _receipt(places, given, budget, tokens, told))
        quotes = quotes[: len(quotes) // 2]
        digest_tokens = max(0, digest_tokens - (tokens - budget.prompt) - FRAME_TOKENS)
    return None


def _receipt(places: Sequence[str], given: Given, budget: Budget, tokens: int, told: int) -> Receipt:
    own = places[len(places) - told :]
    return make_receipt(own, given, context_length=budget.context_length, prompt_tokens=tokens)


class _Work:
    """One request that is too long: `head` system messages, then those that go, then those that stay."""

    def __init__(self, messages: list[dict[str, Any]], head: int, start: int) -> None:
        self._messages = messages
        self.head = head
        self.evicted = [
            Said(str(number), NAMES.get(told["role"], "System"), told["content"], told["role"] == "user")
            for number, told in enumerate(messages[head : head + start])
        ]
        self._lines: tuple[Line, ...] = lines_of("", self.evicted, person=NAMES["user"])
        asked = messages[-1]["content"] if messages[-1]["role"] == "user" else ""
        self.quotes = find(asked, self.evicted)

    @classmethod
    async def of(cls, engine: Engine, messages: list[dict[str, Any]], budget: Budget) -> _Work:
        head = next((at for at, told in enumerate(messages) if told["role"] != "system"), len(messages))
        sizes = [
            FRAME_TOKENS + len(await engine.tokenize(told["content"], special=False)) for told in messages
        ]
        sized = [
            Sized(str(at), Role.USER if told["role"] == "user" else Role.ASSISTANT, size)
            for at, (told, size) in enumerate(zip(messages, sizes, strict=True))
        ][head:]
        free = budget.prompt - sum(sizes[:head])
        start = first_kept(sized, int(free * COMPACT_TO) - budget.digest) if sized else 0
        return await asyncio.to_thread(cls, messages, head, start)

    def digest(self, tokens: int) -> str:
        """Return a digest of about so many tokens of what goes."""
        return compose(self._lines, tokens * BYTES_PER_TOKEN).text

    def told(self, digest: str, quotes: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the messages that stay, the digest before the first of them, quotes before the last."""
        kept = [dict(told) for told in self._messages[self.head + len(self.evicted) :]]
        already = [quote for quote in quotes if quote.text not in digest]
        if block := quotes_block(already, ()):
            kept[-1]["content"] = f"{block}\n\n{kept[-1]['content']}"
        if digest:
            block = digest_block(digest, len(self.evicted))
            kept[0]["content"] = f"{block}\n\n{kept[0]['content']}"
        return [*self._messages[: self.head], *kept]
