"""The connection to llama.cpp's server: one request each for an answer, a stream, or a relayed stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing

from fireside.engines import loopback
from fireside.engines.child import Child
from fireside.engines.llamacpp_stream import EventReader, Pieces, failure_in
from fireside.engines.protocol import Generated
from fireside.errors import EngineCrashed, EngineError

ANSWER_S = 120.0
"""for rendering and tokenizing; a template that takes longer never ends"""
SLOT_S = 30.0
DYING_S = 5.0
"""longer than a system takes to clear away a process whose connections are already closed"""


class Wire:
    """Speaks to the server of `child`, at `address`, with the only `key` that it accepts."""

    def __init__(self, child: Child, address: loopback.Address, key: str) -> None:
        self._child = child
        self.address = address
        self.key = key
        self.answer_s = ANSWER_S

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the answer's body. An engine that takes longer than `answer_s` for it is ended."""
        try:
            async with asyncio.timeout(self.answer_s):
                return await self._answer(method, path, body)
        except TimeoutError:
            await self._child.aclose()
            raise EngineCrashed(
                f"the engine gave no answer for {self.answer_s:g} seconds and was ended",
                hint="ask again, or choose another model: this one's template may never end",
            ) from None

    async def ask_about_slots(self, method: str, path: str, body: bytes) -> bytes:
        """Ask what has to wait while the slot is in use: that is no reason to end the engine."""
        try:
            async with asyncio.timeout(SLOT_S):
                return await self._answer(method, path, body)
        except TimeoutError:
            raise EngineError("the engine's slot was in use for too long", hint="ask again") from None

    async def _answer(self, method: str, path: str, body: bytes) -> bytes:
        try:
            async with self._exchange(method, path, body) as response:
                answer = await response.read()
                if response.status != 200:
                    raise failure_in(response.status, answer)
                return answer
        except loopback.Broken as error:
            raise await self._cut_off() from error

    async def stream(self, asked: bytes, pieces: Pieces) -> AsyncGenerator[Generated, None]:
        """Ask for a completion and yield what `pieces` makes of it."""
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
        """Yield the data of the answer's events; an answer that is no stream is one data."""
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

    def _exchange(
        self, method: str, path: str, body: bytes
    ) -> AbstractAsyncContextManager[loopback.Response]:
        return loopback.exchange(self.address, method, path, key=self.key, body=body)

    async def _cut_off(self) -> EngineError:
        """Return why an answer broke off. An engine that lives on is left to its other users."""
        if await self._child.gone_within(DYING_S):
            return await self._child.death()
        return EngineError("the engine broke off its answer", hint="ask again")
