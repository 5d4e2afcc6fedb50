"""Models in other formats, as methods of the client: `client.conversions`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from fireside.cards import ModelCard
from fireside.client.connection import Connection
from fireside.client.work import steps_of
from fireside.conversions import Plan, Plans
from fireside.events import Progress

_PATH = "/fireside/v1/models"


class _Made(msgspec.Struct):
    model: ModelCard


class ConversionRoutes:
    """The routes of `fireside models convert`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def plans(self, reference: str, to: Sequence[str], name: str | None = None) -> tuple[Plan, ...]:
        """Return what conversions of a model to each format would make; BadRequest where one is nonsense."""
        asked = {"reference": reference, "to": list(to), "name": name}
        return (await self._connection.call(Plans, "GET", f"{_PATH}/conversions", query=asked)).plans

    def convert(
        self, reference: str, to: str, name: str | None = None
    ) -> AsyncGenerator[Progress | ModelCard, None]:
        """Convert a model; the new one's card comes last. Closing it ends the work, and nothing is left."""
        return self._made("convert", {"reference": reference, "to": to, "name": name}, "converted")

    def compare(self, reference: str) -> AsyncGenerator[Progress | ModelCard, None]:
        """Measure a converted model beside its original; its card, with what was found, comes last."""
        return self._made("compare", {"reference": reference}, "compared")

    async def _made(self, what: str, body: object, last: str) -> AsyncGenerator[Progress | ModelCard, None]:
        async with aclosing(steps_of(self._connection, f"{_PATH}/{what}", body, last, _Made)) as steps:
            async for step in steps:
                yield step.model if isinstance(step, _Made) else step
