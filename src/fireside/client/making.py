"""Models of one's own making, and loading by hand, as methods of the client: `client.making`."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from fireside.aliases import Alias
from fireside.cards import EngineStatus, ModelCard
from fireside.client.connection import Connection

_PATH = "/fireside/v1/models"


class _Unloading(msgspec.Struct):
    users: int


class MakingRoutes:
    """The routes that change which models there are and which are loaded."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def alias(self, name: str) -> Alias:
        """Return what a name stands for."""
        return await self._connection.call(Alias, "GET", _of(name))

    async def make(self, name: str, alias: Alias) -> ModelCard:
        """Give a model a name; paths of files must be absolute."""
        return await self._connection.call(ModelCard, "PUT", _of(name), body=alias)

    async def load(self, reference: str, keep_s: float | None = None) -> EngineStatus:
        """Load a model that is here; it stays `keep_s` seconds unused, and for ever with -1."""
        wanted = {"reference": reference, "keep_s": keep_s}
        return await self._connection.call(EngineStatus, "POST", f"{_PATH}/load", body=wanted, patient=True)

    async def unload(self, reference: str) -> int:
        """Unload a model once nobody uses it; return how many do now."""
        wanted = {"reference": reference}
        return (await self._connection.call(_Unloading, "POST", f"{_PATH}/unload", body=wanted)).users


def _of(name: str) -> str:
    return f"{_PATH}/aliases/{quote(name, safe='')}"
