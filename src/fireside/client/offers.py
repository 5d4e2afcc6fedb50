"""Models that could be fetched, as methods of the client: `client.offers`."""

from __future__ import annotations

from fireside.client.connection import Connection
from fireside.offers import Offers

_PATH = "/fireside/v1/models"


class OfferRoutes:
    """The routes that offer models."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def search(self, query: str, *, fits: bool = False, limit: int = 10) -> Offers:
        """Return what the hub has for some words; SearchFailed where it can't be asked."""
        asked = {"query": query, "fits": fits, "limit": limit}
        return await self._connection.call(Offers, "GET", f"{_PATH}/search", query=asked)

    async def shelf(self, language: str | None = None) -> Offers:
        """Return good first models, the best for this machine and a language (its tag) first."""
        return await self._connection.call(Offers, "GET", f"{_PATH}/shelf", query={"language": language})
