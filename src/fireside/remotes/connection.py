"""The connection to a server elsewhere: its replicas, its key, time limits, and what is tried again.

Nothing is asked a second time once a word was said. Redirects are not followed, so that the key goes
nowhere else; certificates are checked; and no answer is larger than it may be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import httpx

from fireside.errors import EngineError, FiresideError, RemoteUnavailable, TooBusy
from fireside.remotes.events import Events
from fireside.remotes.faults import failure_of
from fireside.remotes.replicas import LONGEST_REST_S, Replicas
from fireside.settings import LOOPBACK_HOSTS, RemoteSettings

T = TypeVar("T")
CONNECT_S = 5.0
BETWEEN_S = 60.0
"""the longest silence once it has begun to speak"""
TRIES = 3
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
"""before another try; who is told to wait for longer is told so"""
MOST_FAULT_BYTES = 2**16
MOST_ANSWER_BYTES = 2**26
"""of an answer in one piece, as of all that one stream says"""


Cut = Callable[[bytes], Sequence[bytes]]
"""Takes what was received and returns what is complete of it."""


class _Request(NamedTuple):
    method: str
    path: str
    body: bytes | None
    key: str
    first_s: float
    between_s: float


class _Passing(Exception):
    """A failure before the first word that another try, or another replica, may not have."""

    def __init__(self, error: FiresideError, wait_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_s = wait_s


class Connection:
    """Asks the remote `name`, with its `key`. Paths are those behind `/v1`; `//` begins those beside it."""

    def __init__(self, name: str, remote: RemoteSettings, key: str | None) -> None:
        self.name = name
        self.replicas = Replicas(remote.addresses)
        self._key = key
        self._timeout_s = remote.timeout_s
        headers = {"User-Agent": "fireside", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        here = {urlsplit(address).hostname for address in remote.addresses} <= set(LOOPBACK_HOSTS)
        self._client = httpx.AsyncClient(
            headers=headers,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=not here,  # a proxy is for other machines
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, path: str, *, timeout_s: float = CONNECT_S) -> bytes:
        """Return what a GET answers, from the first replica that does."""
        return await self._whole(_Request("GET", path, None, "", timeout_s, timeout_s))

    async def ask(self, path: str, body: bytes, key: str = "", *, timeout_s: float | None = None) -> bytes:
        """Return the whole answer to a POST."""
        limit_s = timeout_s or self._timeout_s
        return await self._whole(_Request("POST", path, body, key, limit_s, limit_s))

    async def _whole(self, request: _Request) -> bytes:
        async with aclosing(self._tried(request, lambda: _uncut)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def stream(self, path: str, body: bytes, key: str) -> AsyncGenerator[bytes, None]:
        """Yield the data of the events that answer a POST; `key` tells which replica is asked.

        Closing it closes the connection. RemoteUnavailable where it can't be reached or breaks off.
        """
        request = _Request("POST", path, body, key, self._timeout_s, BETWEEN_S)
        async with aclosing(self._tried(request, lambda: Events(self.name).feed)) as events:
            async for data in events:
                yield data
                if data == b"[DONE]":
                    return

    async def _tried(self, request: _Request, cutter: Callable[[], Cut]) -> AsyncGenerator[bytes, None]:
        """Yield what an answer is cut into, from the replica of the request's key or the next that can."""
        until = time.monotonic() + request.first_s
        failed: list[str] = []
        while True:
            address = self.replicas.choose(request.key, without=failed)
            begun = False
            try:
                with self.replicas.using(address):
                    async with aclosing(self._once(address, request, until, cutter())) as pieces:
                        async for piece in pieces:
                            begun = True
                            yield piece
                return
            except _Passing as failure:
                self.replicas.failed(address, failure.wait_s)
                failed.append(address)
                if begun or len(failed) >= max(TRIES, self.replicas.count):
                    raise failure.error from failure
                await self._wait(failure, failed, until)
            except RemoteUnavailable:  # it was silent: each try would take as long
                self.replicas.failed(address, LONGEST_REST_S)
                raise

    async def _wait(self, failure: _Passing, failed: list[str], until: float) -> None:
        """Wait before the next try, where no other replica is left to be asked at once."""
        if len(failed) < self.replicas.count:
            return
        wait_s = failure.wait_s or FIRST_WAIT_S * 2 ** (len(failed) - self.replicas.count)
        if wait_s > LONGEST_WAIT_S or time.monotonic() + wait_s > until:
            raise failure.error from failure
        await asyncio.sleep(wait_s)

    async def _once(
        self, address: str, request: _Request, until: float, cut: Cut
    ) -> AsyncGenerator[bytes, None]:
        """Ask one replica. Only what says something counts as a sign of life."""
        count = size = 0
        try:
            async with (
                self._answer(address, request, until) as response,
                aclosing(_raw(response)) as received,
            ):
                self.replicas.worked(address)
                while data := await self._within(anext(received, b""), until):
                    size += len(data)
                    if size > MOST_ANSWER_BYTES:
                        raise EngineError(
                            f"{self.name} sends without end", hint="check that its address is right"
                        )
                    for piece in cut(data):
                        yield piece
                        count += 1
                        # The first often says no more than that the request was taken.
                        until = until if count == 1 else time.monotonic() + request.between_s
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Passing(self.broke_off() if count else self._unreachable(error)) from error

    @asynccontextmanager
    async def _answer(self, address: str, request: _Request, until: float) -> AsyncIterator[httpx.Response]:
        """Give the answer once its head is there; errors for all but 200."""
        url, kind = _url(address, request.path), {"Content-Type": "application/json"}
        sent = self._client.build_request(request.method, url, content=request.body, headers=kind)
        response = await self._within(self._client.send(sent, stream=True), until)
        try:
            if response.status_code != 200:
                await self._refuse(response)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise EngineError(f"{self.name} packs its answers unasked", hint="tell whoever runs it")
            yield response
        finally:
            await response.aclose()

    async def _refuse(self, response: httpx.Response) -> None:
        body = b""
        async with aclosing(_raw(response)) as pieces:
            while len(body) < MOST_FAULT_BYTES and (
                piece := await self._within(anext(pieces, b""), time.monotonic() + CONNECT_S)
            ):
                body += piece
        retry_after = response.headers.get("retry-after", "")
        error = failure_of(self.name, response.status_code, body, key=self._key, retry_after=retry_after)
        if isinstance(error, TooBusy):
            raise _Passing(error, error.retry_after_s)
        if isinstance(error, RemoteUnavailable):
            raise _Passing(error, float(retry_after) if retry_after.isdigit() else None)
        raise error

    async def _within(self, work: Awaitable[T], until: float) -> T:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + until - time.monotonic()):
                return await work
        except TimeoutError:
            raise RemoteUnavailable(
                f"{self.name} was silent for too long",
                hint=f"try again, or raise `timeout_s` of [remotes.{self.name}] in the settings",
            ) from None

    def broke_off(self) -> RemoteUnavailable:
        return RemoteUnavailable(f"{self.name} broke off its answer", hint="ask again")

    def _unreachable(self, error: Exception) -> RemoteUnavailable:
        if isinstance(error, httpx.ConnectTimeout):
            why = f"no connection within {CONNECT_S:g} s"
        else:
            why = str(error) or type(error).__name__
        if "CERTIFICATE" in why.upper():
            hint = "its certificate isn't trusted here: set SSL_CERT_FILE to that of its authority"
        else:
            hint = f"check that it runs, and `url` of [remotes.{self.name}] in the settings"
        return RemoteUnavailable(f"{self.name} can't be reached: {why}", hint=hint)


def _uncut(data: bytes) -> Sequence[bytes]:
    return (data,)


def _raw(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_raw())


def _url(address: str, path: str) -> str:
    """
    >>> _url("http://a:1/v1", "/models"), _url("http://a:1/v1", "//tokenize")
    ('http://a:1/v1/models', 'http://a:1/tokenize')
    """
    if path.startswith("//"):
        return address.removesuffix("/v1") + path[1:]
    return address + path
