"""Asks a server elsewhere which models it has."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fireside.remotes.connection import Connection
from fireside.remotes.keys import key_of
from fireside.remotes.listing import RemoteModel, models_in
from fireside.settings import RemoteSettings


async def list_models(
    name: str, remote: RemoteSettings, environ: Mapping[str, str] = os.environ
) -> tuple[RemoteModel, ...]:
    """Return the models of a remote; FiresideError where it can't be asked."""
    connection = Connection(name, remote, await key_of(name, remote, environ))
    try:
        return models_in(name, remote, await connection.get("/models"))
    finally:
        await connection.aclose()
