"""What every request passes before anything else sees it (SECURITY: rebinding, foreign pages, size).

A browser on this machine will carry any page's requests here, so a request must prove that it
comes from us: its Host is one that we answer to, its Origin is our own, it crossed no site.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fireside.errors import FiresideError, Forbidden, ServerUnavailable, TooLarge
from fireside.server import cors
from fireside.server.errors import error_answer
from fireside.server.ongoing import Ongoing
from fireside.settings import LOOPBACK_HOSTS

BODY_BYTES = 8_000_000
IMPORT_PATH = "/fireside/v1/import"
SIMPLE_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
"""What a page may post to a foreign site without asking it first."""
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::[0-9]{1,5})?", re.ASCII)


class Activity:
    """How many requests are open, and since when nobody asked for anything."""

    def __init__(self) -> None:
        self.open = 0
        self.ending = False
        """set while the server drains: nothing new is begun"""
        self.since = time.monotonic()
        self.ongoing = Ongoing()

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *exception: object) -> None:
        self.open -= 1
        self.since = time.monotonic()

    def idle_s(self) -> float:
        return 0.0 if self.open else time.monotonic() - self.since


class Perimeter:
    """ASGI middleware: turns away foreign hosts, foreign pages and oversized bodies."""

    def __init__(
        self, inner: ASGIApp, hosts: Iterable[str], origins: Iterable[str], activity: Activity
    ) -> None:
        self._inner = inner
        self._hosts = {*LOOPBACK_HOSTS, *(host.lower() for host in hosts)}
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        send = _unkept(send)
        with self._activity:
            headers = Headers(scope=scope)
            try:
                self._check(scope, headers)
                if self._activity.ending and _begins_work(scope):
                    raise ServerUnavailable("the server is stopping", hint="try again in a moment")
            except FiresideError as error:
                await error_answer(error, scope["path"])(scope, receive, send)
                return
            origin = headers.get("origin")
            if origin is not None and origin.rstrip("/").lower() in self._origins:
                if cors.is_preflight(scope, headers):
                    await cors.preflight(origin, headers)(scope, receive, send)
                    return
                send = cors.shared(send, origin)
            limited = receive if scope["path"] == IMPORT_PATH else _limited(receive)
            await self._activity.ongoing.answer(self._inner, scope, limited, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._answers_to(host_name(host), scope):
            raise Forbidden(
                f"this server does not answer to the host {host!r}",
                hint="name it in `allowed_hosts` if it is yours",
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, host, scope["scheme"]):
            raise Forbidden("another web page may not use this server", hint="see `allowed_origins`")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not (
            origin is not None or _is_visit(scope, headers)
        ):
            raise Forbidden("another web page may not use this server", hint="see `allowed_origins`")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in SIMPLE_TYPES:
            raise Forbidden(f"a body of type {kind} is refused", hint="send application/json")
        if scope["path"] != IMPORT_PATH and _content_length(headers) > BODY_BYTES:
            raise _too_large()

    def _answers_to(self, name: str, scope: Scope) -> bool:
        """Whether a request may call us so: by a name that we know, or by the address that it reached.

        No page can make another site's name lead to a request that carries our address as its host,
        so an address is as safe as a known name.
        """
        reached, _ = scope.get("server") or ("", None)
        return name in self._hosts or (is_address(name) and same_address(name, reached))

    def _is_ours(self, origin: str, host: str, scheme: str) -> bool:
        given = origin.rstrip("/").lower()
        return given == f"{scheme}://{host.lower()}" or given in self._origins


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port; nothing for what is no host (RFC 9110, 7.2).

    >>> host_name("LOCALHOST:3473"), host_name("[::1]:80"), host_name("evil.example")
    ('localhost', '::1', 'evil.example')
    >>> host_name("[::1].evil.example"), host_name("evil.example@localhost")
    ('', '')
    """
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower() if found else ""


def is_address(name: str) -> bool:
    """
    >>> is_address("192.0.2.7"), is_address("fd00::2"), is_address("evil.example")
    (True, True, False)
    """
    return _address(name) is not None


def same_address(one: str, other: str) -> bool:
    """Whether two texts mean one address, IPv4 inside IPv6 included.

    >>> same_address("192.0.2.7", "::ffff:192.0.2.7"), same_address("fd00::2", "fd00::3")
    (True, False)
    """
    return _address(one) == _address(other)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether somebody followed a link to the page itself: nothing is told to the other site."""
    return scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"


def _begins_work(scope: Scope) -> bool:
    """Whether a request may begin something new; stopping a reply helps a server that drains."""
    return scope["method"] != "GET" and not scope["path"].endswith("/stop")


def _content_length(headers: Headers) -> int:
    given = headers.get("content-length", "0")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0


def _unkept(send: Send) -> Send:
    """Have nobody keep an answer that doesn't say so itself, nor take it for another kind than it is.

    Without a word a browser writes every chat that it shows into its cache, where it outlives the chat.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("cache-control", "no-store")
            headers.setdefault("x-content-type-options", "nosniff")
        await send(message)

    return sending


def _limited(receive: Receive) -> Receive:
    """Count what is really sent: a body need not say its length."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES:
            raise _too_large()
        return message

    return counting


def _too_large() -> TooLarge:
    return TooLarge(f"a request may have {BODY_BYTES:,} bytes at most", hint="send it in parts")
