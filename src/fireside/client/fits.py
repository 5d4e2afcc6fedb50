"""Which models fit, as methods of the client: `client.fits`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fireside.client.connection import Connection
from fireside.client.work import steps_of
from fireside.events import Progress
from fireside.predictions import Fits

_PATH = "/fireside/v1/models"


class FitRoutes:
    """The routes of `fireside models fit`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, references: Sequence[str] = (), context_length: int | None = None) -> Fits:
        """Return what is predicted of the models, by default of all that are known."""
        asked = {"reference": list(references) or None, "context": context_length}
        return await self._connection.call(Fits, "GET", f"{_PATH}/fit", query=asked)

    async def measure(self) -> AsyncGenerator[Progress, None]:
        """Measure the machine and yield how far that is; TooBusy where somebody talks with a model."""
        work = steps_of(self._connection, f"{_PATH}/measure", None, "measured", dict[str, str])
        async with aclosing(work) as steps:
            async for step in steps:
                if isinstance(step, Progress):
                    yield step
