"""What is being typed, told to the server: `client.typing`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fireside.client.connection import Connection

LONGEST = 32_000
"""characters that are told"""


class TypingRoute:
    """The route of what nobody has sent yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tell(self, conversation_id: str, text: str, parent_id: str | None) -> bool:
        """Tell what is typed after the message `parent_id`; return whether more needs to be told."""
        path = f"/fireside/v1/conversations/{quote(conversation_id, safe='')}/typing"
        body = {"text": text, "parent_id": parent_id}
        told = await self._connection.call(dict[str, Any], "POST", path, body=body)
        return bool(told["reads"])
