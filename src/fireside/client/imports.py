"""Models that other programs keep on the server's machine, as methods of the client: `client.imports`."""

from __future__ import annotations

from fireside.cards import FoundModels, ModelCard
from fireside.client.connection import Connection

_FOUND = "/fireside/v1/models/found"
_IMPORTED = "/fireside/v1/models/imported"


class ImportRoutes:
    """The routes of what is found and imported."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def found(self) -> FoundModels:
        """Return what other programs keep there."""
        return await self._connection.call(FoundModels, "GET", _FOUND)

    async def add(self, reference: str) -> ModelCard:
        """List a model of that machine with those that were fetched."""
        return await self._connection.call(ModelCard, "POST", _IMPORTED, body={"reference": reference})

    async def forget(self, reference: str) -> None:
        """List it no longer."""
        await self._connection.fetch("DELETE", _IMPORTED, query={"reference": reference})
