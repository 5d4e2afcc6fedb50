"""`fireside.AsyncChat`: a conversation as an object whose replies are asynchronous iterators of text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Self, TypedDict, Unpack

from fireside.client.defaults import model_of_environment, model_to_ask, read_defaults
from fireside.client.routes import AsyncClient, connected
from fireside.conversations import ReplyRecord, StoredMessage
from fireside.errors import Conflict, FiresideError, from_code
from fireside.events import Event, Failed, Finished, Text
from fireside.messages import Defaults, Part, Role


class SamplingArguments(TypedDict, total=False):
    """How a chat's next token is chosen; `fireside.messages.Sampling` explains each."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    repeat_penalty: float
    repeat_last_n: int
    presence_penalty: float
    frequency_penalty: float
    max_tokens: int
    seed: int
    stop: str | Sequence[str]


class AsyncChat:
    """One conversation with a model on this machine.

        async with fireside.AsyncChat(system="Be brief.") as chat:
            async for piece in chat.ask("Why is the sky blue?"):
                print(piece, end="", flush=True)

    The server is started when it isn't running. A new conversation is created with the first question
    and keeps these settings; with `conversation=` an earlier one is continued, and what is given here
    counts for the turns of this object. A `temporary` one is never listed and goes when the server does.
    A wrong value raises BadRequest, which names the argument.
    """

    def __init__(
        self,
        *,
        system: str | None = None,
        me: str | None = None,
        you: str | None = None,
        format: str | None = None,  # noqa: A002 - the word of the command line and of the API
        model: str | None = None,
        persona: str | None = None,
        conversation: str | None = None,
        temporary: bool = False,
        **sampling: Unpack[SamplingArguments],
    ) -> None:
        if model is None and conversation is None:
            model = model_of_environment(persona, os.environ)
        given = {"system": system, "me": me, "you": you, "format": format, "model": model, "persona": persona}
        self._defaults = read_defaults(given, dict(sampling))
        self._turn = self._defaults if conversation is not None else Defaults()
        self._temporary = temporary
        self._conversation_id = conversation
        self._client: AsyncClient | None = None
        self._open = AsyncExitStack()
        self._last: ReplyRecord | None = None

    @classmethod
    def over(
        cls, client: AsyncClient, defaults: Defaults, *, conversation: str | None, temporary: bool = False
    ) -> AsyncChat:
        """Return a chat that uses a client which somebody else opened and will close."""
        chat = cls(conversation=conversation, temporary=temporary)
        chat._client = client
        chat._defaults = defaults
        chat._turn = defaults if conversation is not None else Defaults()
        return chat

    @property
    def conversation_id(self) -> str | None:
        """The conversation's id; None before the first question."""
        return self._conversation_id

    @property
    def last(self) -> ReplyRecord | None:
        """The last reply with its usage, timings and receipt; None before one has ended."""
        return self._last

    async def ask(self, text: str) -> AsyncGenerator[str, None]:
        """Yield the reply to `text` piece by piece.

        Leaving the loop early (or cancelling it) stops the reply; what was said until then is kept.
        The error that ends a failed reply is raised after its last piece.
        """
        async with aclosing(self.events(text)) as events:
            async for event in events:
                if isinstance(event, Text):
                    yield event.text

    async def say(self, text: str) -> str:
        """Return the whole reply to `text`."""
        return "".join([piece async for piece in self.ask(text)])

    async def regenerate(self) -> AsyncGenerator[str, None]:
        """Yield another reply to the last question; the earlier one stays on a branch of its own."""
        client = await self._connected()
        branch = await self.messages()
        replies = [message.id for message in branch if message.role is Role.ASSISTANT]
        if not replies or branch[-1].role is not Role.ASSISTANT:
            raise Conflict("there is no reply to regenerate yet", hint="ask something first")
        reply = await client.regenerate(replies[-1], self._turn)
        async with aclosing(self._watch(client, reply.id)) as events:
            async for event in events:
                if isinstance(event, Text):
                    yield event.text

    async def events(self, said: str | Sequence[Part]) -> AsyncGenerator[Event, None]:
        """Yield everything that happens while it is answered, as `fireside.events`; else like `ask`."""
        client = await self._connected()
        if self._conversation_id is None:
            created = await client.create_conversation(defaults=self._defaults, temporary=self._temporary)
            self._conversation_id = created.id
        sent = await client.send(self._conversation_id, said, turn=self._turn)
        async with aclosing(self._watch(client, sent.reply.id)) as events:
            async for event in events:
                yield event

    async def messages(self) -> tuple[StoredMessage, ...]:
        """Return the branch that is shown, oldest message first."""
        if self._conversation_id is None:
            return ()
        return (await (await self._connected()).tree(self._conversation_id)).branch()

    async def close(self) -> None:
        """Let go of the connection. The conversation and the server stay."""
        await self._open.aclose()
        self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _connected(self) -> AsyncClient:
        if self._client is None:
            asks = model_to_ask(self._defaults) if self._conversation_id is None else None
            self._client = await self._open.enter_async_context(connected(asks=asks))
        return self._client

    async def _watch(self, client: AsyncClient, reply_id: str) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(client.events(reply_id)) as events:
                async for event in events:
                    if isinstance(event, Finished | Failed):
                        self._last = await client.record(reply_id)
                    if isinstance(event, Failed):
                        raise from_code(event.code, event.message, hint=event.hint)
                    yield event
        except (GeneratorExit, asyncio.CancelledError):
            # Shielded, for whoever cancels may cancel again while the server is being told.
            await asyncio.shield(asyncio.ensure_future(self._stop(client, reply_id)))
            raise

    async def _stop(self, client: AsyncClient, reply_id: str) -> None:
        with suppress(FiresideError):
            await client.stop(reply_id)
            self._last = await client.record(reply_id)
