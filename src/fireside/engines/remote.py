"""The `remote` engine: a model that another server has, behind an interface in OpenAI's shape.

It has no token ids to take: `remote_ids` stands for a tokenizer, and a prompt is turned back into messages
before it is sent, which the other server's own template then writes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fireside.engines import remote_vectors
from fireside.engines.protocol import (
    Ended,
    EngineInfo,
    Generated,
    Held,
    LoadProgress,
    ModelFile,
    Notice,
    Origin,
    Piece,
    Vault,
)
from fireside.engines.remote_body import (
    THINKS_AS_TOLD,
    beginning_of,
    conversation_body,
    fitted,
    named_in,
    retold,
    sampled,
)
from fireside.engines.remote_count import count
from fireside.engines.remote_ids import dialogue_of, rendered, spelled
from fireside.engines.remote_probe import Abilities, probe
from fireside.engines.remote_stream import Answer, told_again
from fireside.errors import BadRequest, ConfigError, ContextLengthExceeded, NoTemplate
from fireside.messages import Message, Sampling
from fireside.remotes.connection import Connection
from fireside.remotes.keys import key_of
from fireside.settings import LOOPBACK_HOSTS, RemoteSettings, Settings

UNKNOWN_CONTEXT = 4096
LONG = 20_000
"""characters: 5 ms, in which others would wait"""
TELLING = 200
"""ids of a prompt, at least, to say something about a tokenizer"""
DONE = b"[DONE]"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


async def start(
    model: ModelFile,
    settings: Settings,
    progress: LoadProgress | None = None,
    *,
    vault: Vault | None = None,
) -> RemoteEngine:
    """Reach the server that has `model`, and find out what it can do.

    RemoteUnavailable where it can't be reached, RemoteRefused where it has no such model or wants another
    key, ConfigError where the settings don't know it.
    """
    began = time.monotonic()
    remote_name, _, name = model.reference.removeprefix("remote:").partition("/")
    remote = settings.remotes.get(remote_name)
    if remote is None:
        raise ConfigError(
            f"the settings know no remote {remote_name!r}", hint=f"add [remotes.{remote_name}] to config.toml"
        )
    connection = Connection(remote_name, remote, await key_of(remote_name, remote))
    try:
        abilities = await probe(connection, remote, name)
    except BaseException:
        await connection.aclose()
        raise
    if progress:
        progress(1.0)
    load_ms = (time.monotonic() - began) * 1000
    return RemoteEngine(connection, _info(model, settings, remote, abilities, load_ms), abilities)


def _info(
    model: ModelFile, settings: Settings, remote: RemoteSettings, abilities: Abilities, load_ms: float
) -> EngineInfo:
    limit = abilities.context_length or UNKNOWN_CONTEXT
    return EngineInfo(
        engine="remote",
        model=model.reference,
        identity=model.identity,
        context_length=min(settings.context_length or limit, limit),
        slots=remote.slots * len(remote.addresses),
        has_template=abilities.chats,
        takes_token_ids=False,
        device="elsewhere",
        build=abilities.model.server,
        load_ms=load_ms,
        notices=_notices(remote, abilities),
        takes_tools=abilities.takes_tools,
        reasons=abilities.model.server in THINKS_AS_TOLD,
        place="elsewhere",
        counts="estimated",
    )


def _notices(remote: RemoteSettings, abilities: Abilities) -> tuple[str, ...]:
    notices = []
    hosts = {urlsplit(address).hostname for address in remote.addresses if address.startswith("http:")}
    if open_hosts := sorted(str(host) for host in hosts if host not in LOOPBACK_HOSTS):
        notices.append(
            f"What is said goes to {', '.join(open_hosts)} unencrypted: anybody on the way can read it."
        )
    if abilities.context_length is None:
        notices.append(
            f"The server doesn't tell how much the model can hold: {UNKNOWN_CONTEXT:,} tokens are assumed. "
            "Set `context_length` in its table of the settings."
        )
    return tuple(notices)


class RemoteEngine:
    """A model of another server; made by `start`."""

    def __init__(self, connection: Connection, info: EngineInfo, abilities: Abilities) -> None:
        self._connection = connection
        self._info = info
        self._window = info.context_length
        self._model = abilities.model
        self._unwanted: set[str] = set()
        """names of fields that the server refused"""
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return not self._closed

    async def render(self, messages: Sequence[Message], *, reasoning: bool | None = None) -> str:
        if not self._info.has_template:
            raise NoTemplate(
                f"{self._connection.name} has no chat for {self._model.name}",
                hint="use `--format transcript`, or choose a model that was tuned for chat",
            )
        return rendered(messages, reasoning=reasoning if self._info.reasons else None)

    async def tokenize(self, text: str, *, special: bool, whole: bool = False) -> tuple[int, ...]:
        if len(text) < LONG:
            return spelled(text, special=special)
        return await asyncio.to_thread(spelled, text, special=special)

    async def bos(self) -> tuple[int, ...]:
        return ()

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int, origin: Origin | None = None
    ) -> AsyncGenerator[Generated, None]:
        if max_tokens == 0:
            yield Ended("length", len(prompt), None, 0)
            return
        dialogue = await asyncio.to_thread(dialogue_of, prompt)
        path, body = conversation_body(self._connection.name, self._model.server, dialogue)
        body |= sampled(sampling) | {"max_tokens": max_tokens}
        key = origin.conversation_id if origin else beginning_of(body)
        answer, first = Answer(self._connection.name), True
        async with aclosing(self._said(path, body, key)) as events:
            async for data in events:
                if first:
                    for note in self._notes(body, dialogue.disarmed):
                        yield Notice(note)
                    first = False
                if text := answer.read(data):
                    yield Piece(text, spelled(text))
        if not answer.complete:
            raise self._connection.broke_off()
        ended = answer.ended(len(prompt))
        self._learn(len(prompt), ended.prompt_tokens)
        yield ended

    def _learn(self, estimated: int, tokens: int) -> None:
        """Make the window smaller for a tokenizer that makes more tokens of a text than there are ids."""
        if estimated >= TELLING and tokens > estimated:
            window = self._window * estimated // tokens
            self._info = msgspec.structs.replace(
                self._info, context_length=min(window, self._info.context_length)
            )

    def _notes(self, body: dict[str, Any], disarmed: int) -> list[str]:
        """Return what a receipt has to say of one generation there."""
        notes = [f"answered elsewhere, by {self._connection.name}; tokens are estimated"]
        if left_out := fitted(body, self._model.server, self._unwanted)[1]:
            notes.append(f"{', '.join(left_out)} can't be set there")
        if disarmed:
            what = (
                "text that looks like a control token has"
                if disarmed == 1
                else "texts that look like control tokens have"
            )
            notes.append(f"{disarmed} {what} an invisible character inside")
        return notes

    async def relay(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        asked, path = msgspec.json.decode(body), path.removeprefix("/v1")
        path, asked = retold(self._connection.name, self._model.server, path, asked)
        if path.endswith("/input_tokens"):
            tokens = await self._count(path.removesuffix("/input_tokens"), asked)
            yield msgspec.json.encode({"input_tokens": tokens})
            return
        if path == "/embeddings":
            yield await remote_vectors.embedded(self._connection, self._model.name, asked)
            return
        async with aclosing(self._said(path, asked, beginning_of(asked))) as events:
            async for data in events:
                if data == DONE:
                    yield data
                    return
                yield told_again(self._connection.name, data)
        raise self._connection.broke_off()

    async def _said(self, path: str, body: dict[str, Any], key: str) -> AsyncGenerator[bytes, None]:
        """Yield the data of the events that answer `body`.

        A field that the server doesn't know, and that a request can do without, is left out from then on.
        """
        begun = False
        while not begun:
            sent, _ = fitted(
                body | STREAMED | {"model": self._model.name}, self._model.server, self._unwanted
            )
            try:
                async with aclosing(self._connection.stream(path, msgspec.json.encode(sent), key)) as events:
                    async for data in events:
                        begun = True
                        yield data
                return
            except ContextLengthExceeded:
                room = self._info.context_length - await self._count(path, body)
                if begun or not 0 < room < body.get("max_tokens", 0):
                    raise
                body = body | {"max_tokens": room}
            except BadRequest as error:
                name = named_in(error.message, sent)
                if begun or name is None:
                    raise
                self._unwanted.add(name)

    async def _count(self, path: str, body: dict[str, Any]) -> int:
        return await count(self._connection, self._model, path, body)

    def held(self) -> tuple[Held, ...]:
        return ()

    async def save(self, conversation_id: str | None = None, *, new_share: float = 0.0) -> None:
        """What it has read lies there."""

    def forget(self, conversation_id: str) -> None:
        """It was told nothing that it could forget: it isn't told which conversation is which."""

    async def aclose(self) -> None:
        self._closed = True
        await self._connection.aclose()
