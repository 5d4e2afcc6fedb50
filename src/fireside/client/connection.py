"""HTTP to the one server: JSON in and out, errors as `FiresideError`, found again when it went away."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from fireside import __version__
from fireside.client.sse import ServerSentEvent, read_events
from fireside.errors import FiresideError, ServerUnavailable, from_code
from fireside.runtime import Runtime
from fireside.settings import LOOPBACK_HOSTS

T = TypeVar("T")
FindAgain = Callable[[Runtime, bool], Awaitable[Runtime]]
"""Given where the server was, and whether it said that it is leaving, return where it is now."""

ANSWER_S = 60.0
"""How long an answer may take; a stream sends at least a comment every 15 seconds."""
CONNECT_S = 5.0
_REPEATABLE = frozenset({"GET", "PUT", "DELETE", "PATCH"})


class Disconnected(ServerUnavailable):
    """The connection broke before the answer was complete."""


class _Envelope(msgspec.Struct):
    code: str
    message: str
    hint: str | None = None
    param: str | None = None


class _Refusal(msgspec.Struct):
    error: _Envelope


class Connection:
    """Requests to the server at `runtime.address`.

    The token is sent to loopback addresses only; proxies of the environment are never used and redirects
    never followed, so that it reaches nobody else. A request that certainly wasn't carried out is repeated
    once with the server that `find_again` names.
    """

    def __init__(self, runtime: Runtime, find_again: FindAgain | None = None) -> None:
        self._runtime = runtime
        self._find_again = find_again
        self._http = _http_client(runtime)

    @property
    def runtime(self) -> Runtime:
        """Where the server is, as far as is known."""
        return self._runtime

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def find_again(self, *, is_leaving: bool = False) -> bool:
        """Look where the server is now, which may start one; return whether that is possible at all."""
        if self._find_again is None:
            return False
        found = await self._find_again(self._runtime, is_leaving)
        if found != self._runtime:
            await self._http.aclose()
            self._runtime, self._http = found, _http_client(found)
        return True

    async def call(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        patient: bool = False,
    ) -> T:
        """Send one request and return its answer as `kind`; `patient` waits for as long as it takes."""
        data = await self.fetch(method, path, query=query, body=body, patient=patient)
        return msgspec.json.decode(data or b"null", type=kind)

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        patient: bool = False,
    ) -> bytes:
        """Send one request and return the bytes of its answer."""
        try:
            return await self._fetch_once(method, path, query, body, patient)
        except ServerUnavailable as error:
            is_broken = isinstance(error, Disconnected)
            perhaps_done = is_broken and not isinstance(error, _NothingDone)
            if perhaps_done and method not in _REPEATABLE:
                raise
            if not await self.find_again(is_leaving=not is_broken):
                raise
        return await self._fetch_once(method, path, query, body, patient)

    async def _fetch_once(
        self, method: str, path: str, query: Mapping[str, object] | None, body: object, patient: bool
    ) -> bytes:
        async with self._open(method, path, query, body, patient=patient) as answer:
            return await answer.aread()

    @asynccontextmanager
    async def pieces(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send one request and give its answer as it arrives."""
        async with self._open(method, path, query, body) as answer:
            yield answer.aiter_bytes()

    @asynccontextmanager
    async def events(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        after: str | None = None,
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """Send one request and give the events of its answer; `after` is the id of the last one seen."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = after
        async with self._open(method, path, None, body, headers=headers) as answer:
            yield read_events(answer.aiter_bytes())

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None,
        body: object,
        *,
        headers: Mapping[str, str] | None = None,
        patient: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        request: dict[str, Any] = {"params": _written(query), "headers": dict(headers or {})}
        if body is not None:
            request["content"] = msgspec.json.encode(body)
            request["headers"]["Content-Type"] = "application/json"
        if patient:
            request["timeout"] = httpx.Timeout(None, connect=CONNECT_S)
        try:
            async with self._http.stream(method, path, **request) as answer:
                if answer.status_code >= 300:
                    raise _refusal(answer.status_code, await answer.aread())
                yield answer
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _NothingDone(*self._gone(error)) from error
        except httpx.TransportError as error:
            raise Disconnected(*self._gone(error)) from error

    def _gone(self, error: Exception) -> tuple[str]:
        reason = str(error) or type(error).__name__
        return (f"the server at {self._runtime.address} doesn't answer: {reason}",)


class _NothingDone(Disconnected):
    """No connection came about, so the server has seen nothing of the request."""


def _http_client(runtime: Runtime) -> httpx.AsyncClient:
    headers = {"User-Agent": f"fireside/{__version__}"}
    if urlsplit(runtime.address).hostname in LOOPBACK_HOSTS:
        headers["Authorization"] = f"Bearer {runtime.token}"
    return httpx.AsyncClient(
        base_url=runtime.address,
        headers=headers,
        timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        trust_env=False,
        # Trusts no certificate: reading the system's list takes longer than a request.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )


def _written(query: Mapping[str, object] | None) -> dict[str, str | list[str]]:
    """Return the query without what is None, true and false as JSON writes them; a list repeats its name.

    >>> _written({"limit": 5, "cursor": None, "trash": True, "reference": ["a", "b"]})
    {'limit': '5', 'trash': 'true', 'reference': ['a', 'b']}
    """
    given = {key: value for key, value in (query or {}).items() if value is not None}
    return {
        key: [str(item) for item in value] if isinstance(value, list) else _as_text(value)
        for key, value in given.items()
    }


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(status: int, body: bytes) -> FiresideError:
    with suppress(msgspec.MsgspecError):
        said = msgspec.json.decode(body, type=_Refusal).error
        return from_code(said.code, said.message, hint=said.hint, param=said.param)
    return FiresideError(
        f"the server answered {status} without an explanation",
        hint="another program may be listening at that address; `fireside status` shows it",
    )
