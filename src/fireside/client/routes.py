"""The typed client: one method for each route of `docs/reference/http.md`, nothing else.

    async with connected() as client:
        conversation = await client.create_conversation(defaults=Defaults(system="Be brief."))
        sent = await client.send(conversation.id, "Why is the sky blue?")
        async for event in client.events(sent.reply.id):
            …

Errors are those of `fireside.errors`, as the server told them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from fireside.cards import ImportSummary, Key, ModelCard, NewKey, Pairing, Persona, Scope, ServerStatus
from fireside.client.connection import Connection, Disconnected
from fireside.client.conversions import ConversionRoutes
from fireside.client.defaults import stated
from fireside.client.fits import FitRoutes
from fireside.client.imports import ImportRoutes
from fireside.client.launch import OnStart, ensure_server, find_again
from fireside.client.making import MakingRoutes
from fireside.client.memories import MemoryRoutes
from fireside.client.offers import OfferRoutes
from fireside.client.trust import TrustRoutes
from fireside.client.typing import TypingRoute
from fireside.client.work import steps_of
from fireside.conversations import Conversation, ConversationPage, ReplyRecord, SearchHit, StoredMessage, Tree
from fireside.events import Event, Failed, Finished, Progress, from_json
from fireside.messages import Defaults, Part, Receipt
from fireside.runtime import Runtime
from fireside.settings import Home, find_home

T = TypeVar("T")
API = "/fireside/v1"
_OPEN = Defaults()
RETRIES = 8
"""How often in a row a broken stream is taken up again without a new event."""


class Sent(msgspec.Struct, frozen=True):
    """A message that is on disk, and the reply to it, which has been started."""

    message: StoredMessage
    reply: StoredMessage


class Restored(msgspec.Struct, frozen=True):
    """What a restored backup holds; `kept` is where the data that it replaced was put."""

    conversations: int
    messages: int
    kept: str


class _Started(msgspec.Struct):
    reply: StoredMessage


class _Models(msgspec.Struct):
    models: tuple[ModelCard, ...]


class _Personas(msgspec.Struct):
    personas: tuple[Persona, ...]


class _Hits(msgspec.Struct):
    hits: tuple[SearchHit, ...]


class _Pulled(msgspec.Struct):
    model: ModelCard


class _Keys(msgspec.Struct):
    keys: tuple[Key, ...]


class _Imported(msgspec.Struct):
    summary: ImportSummary


class _Backup(msgspec.Struct):
    path: str
    size_bytes: int


@asynccontextmanager
async def connected(
    home: Home | None = None, on_start: OnStart | None = None, *, asks: str | None = None
) -> AsyncIterator[AsyncClient]:
    """Give a client of this home's server, which is started when it isn't running.

    A server that is started loads the model that `asks` names, "" being the default one, while it starts.
    """
    where = home or find_home()

    async def again(gone: Runtime, is_leaving: bool) -> Runtime:
        return await find_again(where, gone, is_leaving)

    async with Connection(await ensure_server(where, on_start, asks=asks), again) as connection:
        yield AsyncClient(connection)


class AsyncClient:
    """The server's routes as methods. Ids are strings, times Unix milliseconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.memories = MemoryRoutes(connection)
        self.making = MakingRoutes(connection)
        self.imports = ImportRoutes(connection)
        self.fits = FitRoutes(connection)
        self.trust = TrustRoutes(connection)
        self.offers = OfferRoutes(connection)
        self.conversions = ConversionRoutes(connection)
        self.typing = TypingRoute(connection)

    @property
    def address(self) -> str:
        """Where the server is, e.g. `http://127.0.0.1:3473`."""
        return self._connection.runtime.address

    # The server

    async def status(self) -> ServerStatus:
        return await self._call(ServerStatus, "GET", _path("status"))

    async def settings(self) -> dict[str, Any]:
        """Return the settings in force, by their names in `config.toml`."""
        return await self._call(dict[str, Any], "GET", _path("settings"))

    async def backup(self, path: Path) -> int:
        """Write everything into the new file `path` and return its size in bytes."""
        body = {"path": _absolute(path)}
        answer = await self._call(_Backup, "POST", _path("backup"), body=body, patient=True)
        return answer.size_bytes

    async def restore(self, path: Path) -> Restored:
        """Put the backup `path` in the place of the present data, which is kept beside it."""
        body = {"path": _absolute(path)}
        return await self._call(Restored, "POST", _path("restore"), body=body, patient=True)

    # Keys

    async def new_key(self, name: str, scopes: Sequence[Scope]) -> NewKey:
        body = {"name": name, "scopes": scopes}
        return await self._call(NewKey, "POST", _path("keys"), body)

    async def keys(self) -> tuple[Key, ...]:
        return (await self._call(_Keys, "GET", _path("keys"))).keys

    async def remove_key(self, name_or_id: str) -> None:
        """Remove a key; the sessions that were begun with it end."""
        await self._connection.fetch("DELETE", _path("keys", name_or_id))

    async def pair(self, key: str | None = None) -> Pairing:
        """Return a code that is good once for a session of `key`, by default that of the network."""
        return await self._call(Pairing, "POST", _path("pairings"), {"key": key})

    # Conversations

    async def create_conversation(
        self, *, title: str | None = None, defaults: Defaults = _OPEN, temporary: bool = False
    ) -> Conversation:
        body = {"defaults": stated(defaults), "temporary": temporary}
        if title is not None:
            body["title"] = title
        return await self._call(Conversation, "POST", _path("conversations"), body)

    async def conversations(
        self,
        *,
        query: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        trash: bool = False,
    ) -> ConversationPage:
        """Return a page, newest first; with `query` those in which the words were said, best first."""
        asked = {"query": query, "cursor": cursor, "limit": limit, "trash": trash or None}
        return await self._call(ConversationPage, "GET", _path("conversations"), query=asked)

    async def all_conversations(self, *, trash: bool = False) -> AsyncGenerator[Conversation, None]:
        """Yield every conversation, newest first, page by page."""
        cursor: str | None = None
        while True:
            page = await self.conversations(cursor=cursor, limit=100, trash=trash)
            for conversation in page.conversations:
                yield conversation
            cursor = page.next_cursor
            if cursor is None:
                return

    async def search(self, query: str, *, limit: int = 20, offset: int = 0) -> tuple[SearchHit, ...]:
        """Return the messages in which the words were said, best first."""
        asked = {"query": query, "limit": limit, "offset": offset}
        return (await self._call(_Hits, "GET", _path("search"), query=asked)).hits

    async def tree(self, conversation_id: str) -> Tree:
        return await self._call(Tree, "GET", _path("conversations", conversation_id))

    async def update_conversation(
        self,
        conversation_id: str,
        *,
        title: str | UnsetType = UNSET,
        pinned: bool | UnsetType = UNSET,
        head_id: str | UnsetType | None = UNSET,
        defaults: Defaults | UnsetType = UNSET,
        choices: Mapping[str, object] | UnsetType = UNSET,
    ) -> Conversation:
        """Change what is given and leave the rest; `head_id=None` shows the empty branch.

        `choices` changes single values of the defaults; what is None in it is taken away.
        """
        given = {
            "title": title,
            "pinned": pinned,
            "head_id": head_id,
            "defaults": stated(defaults) if isinstance(defaults, Defaults) else UNSET,
            "choices": choices,
        }
        body = {key: value for key, value in given.items() if value is not UNSET}
        return await self._call(Conversation, "PATCH", _path("conversations", conversation_id), body)

    async def delete_conversation(self, conversation_id: str, *, forever: bool = False) -> None:
        """Move it to the trash; `forever` removes what lies there."""
        path = _path("conversations", conversation_id)
        await self._connection.fetch("DELETE", path, query={"forever": forever or None})

    async def restore_conversation(self, conversation_id: str) -> Conversation:
        return await self._call(Conversation, "POST", _path("conversations", conversation_id, "restore"))

    async def export_conversation(self, conversation_id: str, style: Literal["markdown", "json"]) -> bytes:
        path = _path("conversations", conversation_id, "export")
        return await self._connection.fetch("GET", path, query={"format": style})

    async def export_all(self) -> AsyncGenerator[bytes, None]:
        """Yield one JSON document of all conversations, in pieces."""
        async with self._connection.pieces("GET", _path("export")) as pieces:
            async for piece in pieces:
                yield piece

    async def import_file(self, path: Path) -> AsyncGenerator[Progress | ImportSummary, None]:
        """Import Fireside's own, ChatGPT's or Claude's export; the summary comes last."""
        work = steps_of(self._connection, _path("import"), {"path": _absolute(path)}, "imported", _Imported)
        async with aclosing(work) as steps:
            async for step in steps:
                yield step.summary if isinstance(step, _Imported) else step

    # Messages and replies

    async def send(
        self,
        conversation_id: str,
        said: str | Sequence[Part],
        *,
        parent_id: str | UnsetType | None = UNSET,
        turn: Defaults = _OPEN,
    ) -> Sent:
        """Store a message and start the reply to it.

        Without `parent_id` it follows the head; None begins a new branch at the root. `turn` counts for
        this turn only and goes before the conversation's defaults.
        """
        body = stated(turn) | ({"text": said} if isinstance(said, str) else {"parts": list(said)})
        if parent_id is not UNSET:
            body["parent_id"] = parent_id
        return await self._call(Sent, "POST", _path("conversations", conversation_id, "messages"), body)

    async def regenerate(self, message_id: str, turn: Defaults = _OPEN) -> StoredMessage:
        """Start another reply beside the reply `message_id`, or to that message of a person; return it."""
        path = _path("messages", message_id, "regenerate")
        return (await self._call(_Started, "POST", path, stated(turn))).reply

    async def continue_reply(self, message_id: str, turn: Defaults = _OPEN) -> StoredMessage:
        """Start a reply that begins with the text of `message_id` and goes on; return it."""
        path = _path("messages", message_id, "continue")
        return (await self._call(_Started, "POST", path, stated(turn))).reply

    async def message(self, message_id: str) -> StoredMessage:
        return await self._call(StoredMessage, "GET", _path("messages", message_id))

    async def record(self, reply_id: str) -> ReplyRecord:
        """Return the reply with its usage, timings and receipt."""
        return await self._call(ReplyRecord, "GET", _path("messages", reply_id, "record"))

    async def receipt(self, reply_id: str) -> Receipt:
        return await self._call(Receipt, "GET", _path("messages", reply_id, "receipt"))

    async def stop(self, reply_id: str) -> StoredMessage:
        """Stop the reply and return it once it has stopped, with what was said; harmless on an ended one."""
        return (await self._call(_Started, "POST", _path("replies", reply_id, "stop"))).reply

    async def events(self, reply_id: str, *, after: str | None = None) -> AsyncGenerator[Event, None]:
        """Yield what the reply says until it has ended; the last event is Finished or Failed.

        A broken connection is taken up where it broke, also with a server that was started anew; so no
        word comes twice or is missed. `after` is an event's cursor, to begin behind it. Leaving the
        iterator early doesn't stop the reply: that is `stop`.
        """
        path = _path("replies", reply_id, "events")
        broken = 0
        while True:
            try:
                async with self._connection.events("GET", path, after=after) as events:
                    async for sent in events:
                        after, broken = sent.id or after, 0
                        event = from_json(sent.data)
                        yield event
                        if isinstance(event, Finished | Failed):
                            return
                raise Disconnected(f"the server at {self.address} ended the reply's events early")
            except Disconnected:
                broken += 1
                if broken > RETRIES or not await self._connection.find_again():
                    raise
                await asyncio.sleep(min(0.05 * 2**broken, 2.0))

    # Models and personas

    async def models(self) -> tuple[ModelCard, ...]:
        return (await self._call(_Models, "GET", _path("models"))).models

    async def model(self, reference: str) -> ModelCard:
        """Return the card of a model that is installed or known."""
        query = {"reference": reference}
        return await self._call(ModelCard, "GET", _path("models", "show"), query=query)

    async def pull(self, reference: str) -> AsyncGenerator[Progress | ModelCard, None]:
        """Fetch a model; its card comes last. What a broken one has fetched is used the next time."""
        work = steps_of(
            self._connection, _path("models", "pull"), {"reference": reference}, "pulled", _Pulled
        )
        async with aclosing(work) as steps:
            async for step in steps:
                yield step.model if isinstance(step, _Pulled) else step

    async def remove_model(self, reference: str) -> None:
        await self._connection.fetch("DELETE", _path("models"), query={"reference": reference})

    async def personas(self) -> tuple[Persona, ...]:
        return (await self._call(_Personas, "GET", _path("personas"))).personas

    async def persona(self, name: str) -> Persona:
        return await self._call(Persona, "GET", _path("personas", name))

    async def save_persona(self, name: str, toml: str) -> Persona:
        """Create or replace the persona `name`; ConfigError names line and key of what is wrong."""
        return await self._call(Persona, "PUT", _path("personas", name), {"toml": toml})

    async def remove_persona(self, name: str) -> None:
        await self._connection.fetch("DELETE", _path("personas", name))

    async def _call(self, kind: type[T], method: str, path: str, body: object = None, **request: Any) -> T:
        return await self._connection.call(kind, method, path, body=body, **request)


def _absolute(path: Path) -> str:
    """Return the path as the server needs it, which has another present folder."""
    return str(path.expanduser().absolute())


def _path(*parts: str) -> str:
    """Return the path below the API with each part quoted.

    >>> _path("personas", "a/b")
    '/fireside/v1/personas/a%2Fb'
    """
    return "/".join([API, *(quote(part, safe="") for part in parts)])
