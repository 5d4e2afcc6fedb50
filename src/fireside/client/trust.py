"""Code that models bring, as methods of the client: `client.trust`."""

from __future__ import annotations

import msgspec

from fireside.cards import ModelCode
from fireside.client.connection import Connection

_PATH = "/fireside/v1/models/code"


class _Trusted(msgspec.Struct):
    references: tuple[str, ...]


class TrustRoutes:
    """The routes of trust."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def code(self, reference: str) -> ModelCode:
        """Return what a model would run."""
        return await self._connection.call(ModelCode, "GET", _PATH, query={"reference": reference})

    async def allow(self, reference: str, digest: str) -> ModelCode:
        body = {"reference": reference, "digest": digest}
        return await self._connection.call(ModelCode, "PUT", _PATH, body=body)

    async def revoke(self, reference: str) -> None:
        await self._connection.fetch("DELETE", _PATH, query={"reference": reference})

    async def all(self) -> tuple[str, ...]:
        trusted = await self._connection.call(_Trusted, "GET", "/fireside/v1/models/trusted")
        return trusted.references
