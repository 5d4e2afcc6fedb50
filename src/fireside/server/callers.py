"""Who asks: a request's caller and what it may do.

Everything is decided here, after routing: `admitted` stands before every route of the interface.
The rules are written down in docs/decisions/0007-keys.md.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import math
import re
from typing import Annotated

import msgspec
from fastapi import Depends, Request
from fastapi.params import Depends as Dependency
from starlette.datastructures import Headers

from fireside.cards import SCOPES, Scope
from fireside.errors import FiresideError, Forbidden, TooManyTries, Unauthorized
from fireside.server.guesses import Guesses
from fireside.server.keys import Holder, Keys
from fireside.server.pairings import Pairings
from fireside.server.perimeter import host_name
from fireside.settings import LOOPBACK_HOSTS

log = logging.getLogger(__name__)

EVERYTHING: frozenset[Scope] = frozenset(SCOPES)
WITHOUT_A_KEY: frozenset[Scope] = frozenset(("chat", "models"))
"""What programs of this machine may do while no key exists: not to make one, nor to read files."""
OPEN = frozenset(
    (
        ("GET", "/health"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/manifest.webmanifest"),
        ("GET", "/sw.js"),
        ("GET", "/favicon.ico"),
        ("GET", "/licences.md"),
        ("GET", "/icon.svg"),
        ("GET", "/icon-{name}"),
        ("GET", "/assets/{name}"),
        ("POST", "/fireside/v1/sessions"),
    )
)
"""The routes that need no key: a sign of life, the page (no data in it), and where a key is entered."""
FILES_OF_PAGE = re.compile(r"(/icon-|/assets/)[^/]+")
"""The paths of the open routes that have a name in them."""
COOKIE = "fireside_session"
BEHIND_A_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip")
STALE_COOKIE = 0.1
"""What a wrong cookie costs of a try: browsers send an expired one many times, and nobody guesses one."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `who` names them in the queue: one key, one session, or this machine's programs."""

    who: str
    scopes: frozenset[Scope]
    owner: bool = False
    """whether it sent the token of the runtime file, so is a program of the person who runs the server"""
    key_id: str | None = None
    session_id: str | None = None


class Door:
    """Tells who asks by what a request carries; keeps count of wrong keys."""

    def __init__(self, keys: Keys, token: str, guesses: Guesses, pairings: Pairings) -> None:
        self.keys = keys
        self.pairings = pairings
        self._token = token.encode()
        self._guesses = guesses
        self._noting: set[asyncio.Task[None]] = set()

    def caller(self, request: Request) -> Caller:
        """Return who asks.

        Unauthorized without a key where one is needed, TooManyTries after many wrong ones.
        """
        shown = secrets_of(request.headers)
        here = is_here(request)
        if here and len(shown) == 1 and self.is_token(shown[0]):
            return Caller("this machine", EVERYTHING, owner=True)
        cookie = request.cookies.get(COOKIE) if not shown else None
        holder = self._holder(shown, cookie)
        if holder is None and here and not self.keys.exist:
            return Caller("this machine", WITHOUT_A_KEY)
        if not shown and cookie is None:
            raise Unauthorized("this needs a key", hint="send Authorization: Bearer KEY")
        return self._let_in(_address(request), holder, cost=STALE_COOKIE if cookie else 1.0)

    def entered(self, request: Request, secret: str) -> Holder:
        """Return the holder of a key that somebody typed in."""
        holder = self.keys.holder(secret.strip())
        self._let_in(_address(request), holder)
        if holder is None:
            raise AssertionError  # _let_in has refused it
        return holder

    def paired(self, request: Request, code: str) -> Holder:
        """Return the holder of the key for which a one-time code is good, and use the code up.

        A wrong one counts as a wrong key does. While its address has to wait, a right one stays good.
        """
        code = code.strip()
        key = self.keys.by_id(self.pairings.key_of(code) or "")
        self._let_in(_address(request), Holder(key) if key else None, wrong=_wrong_code())
        if key is None or not self.pairings.use(code):
            raise _wrong_code()
        return Holder(key)

    def is_token(self, secret: str) -> bool:
        return hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), self._token)

    def _holder(self, shown: tuple[str, ...], cookie: str | None) -> Holder | None:
        if cookie is not None:
            return self.keys.session_holder(cookie)
        return self.keys.holder(shown[0]) if len(shown) == 1 else None

    def _let_in(
        self, address: str, holder: Holder | None, cost: float = 1.0, wrong: Unauthorized | None = None
    ) -> Caller:
        caller = _caller(holder) if holder else None
        wait_s = self._guesses.wait_s(address)
        if wait_s and not (caller and self._guesses.was_right(address, caller.who)):
            raise TooManyTries(
                "too many wrong keys came from this address",
                hint="wait, then send the right one",
                retry_after_s=math.ceil(wait_s),
            )
        if holder is None or caller is None:
            self._guesses.wrong(address, cost)
            raise wrong or Unauthorized(
                "this key is wrong", hint="`fireside keys` lists the keys that are good"
            )
        self._guesses.right(address, caller.who)
        if self.keys.is_use_due(holder):
            task = asyncio.ensure_future(asyncio.to_thread(self._note_use, holder))
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)
        return caller

    def _note_use(self, holder: Holder) -> None:
        try:
            self.keys.note_use(holder)
        except FiresideError as error:
            log.warning("the last use of a key isn't written down: %s", error)


def secrets_of(headers: Headers) -> tuple[str, ...]:
    """Return the different secrets that a request carries, in any of the forms that programs use.

    OpenAI's clients send `Authorization: Bearer`, Anthropic's `x-api-key`, Azure's `api-key`.

    >>> secrets_of(Headers({"authorization": "bearer fs-1", "x-api-key": "fs-1"}))
    ('fs-1',)
    """
    given = [*headers.getlist("x-api-key"), *headers.getlist("api-key")]
    for value in headers.getlist("authorization"):
        scheme, _, secret = value.strip().partition(" ")
        given.append(secret if scheme.lower() == "bearer" else "")
    return tuple(dict.fromkeys(secret.strip() for secret in given if secret.strip()))


def is_here(request: Request) -> bool:
    """Whether a program of this machine asks: from a loopback address, by a loopback name, not by a proxy."""
    if any(name in request.headers for name in BEHIND_A_PROXY):
        return False
    host = host_name(request.headers.get("host", ""))
    return is_loopback(_address(request)) and (host in LOOPBACK_HOSTS or is_loopback(host))


def is_loopback(address: str) -> bool:
    """
    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1"), is_loopback("192.0.2.7"), is_loopback("x")
    (True, True, False, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _caller(holder: Holder) -> Caller:
    scopes = EVERYTHING if "admin" in holder.key.scopes else frozenset(holder.key.scopes)
    session = holder.session
    who = f"session {session.id}" if session else f"key {holder.key.id}"
    return Caller(who, scopes, key_id=holder.key.id, session_id=session.id if session else None)


def _wrong_code() -> Unauthorized:
    return Unauthorized(
        "this code is wrong, too old, or was used before", hint="`fireside keys pair` makes another"
    )


async def the_caller(request: Request) -> Caller:
    """Return who asks. Until a first key exists, this machine's programs need none."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        known = request.state.caller = the_door(request).caller(request)
    return known


def the_door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


async def admitted(request: Request) -> None:
    """Let in who may come in: everybody to `OPEN` routes, to all others only a caller.

    The path that came and the one that was routed must be the same text: a route that is included under
    a prefix knows only its own end. Of a file of the page the folder must be.
    """
    path, routed = request.scope["path"], request.scope["route"].path
    found = FILES_OF_PAGE.fullmatch(path)
    whole = routed in (path, f"{found[1]}{{name}}" if found else path)
    if not whole or (request.method, routed) not in OPEN:
        await the_caller(request)


Asking = Annotated[Caller, Depends(the_caller)]


def needs(scope: Scope) -> Dependency:
    """Return the guard of a route, or of a whole router: `dependencies=[needs("chat")]`.

    Forbidden (403) for a caller whose key hasn't the scope.
    """

    async def guard(caller: Asking) -> None:
        check_scope(caller, scope)

    return Dependency(guard)


def check_scope(caller: Caller, scope: Scope) -> None:
    """Raise Forbidden for a caller without the scope."""
    if scope not in caller.scopes:
        raise Forbidden(
            f"this key may not do that: it needs the scope `{scope}`",
            hint=f"make one with `fireside keys new NAME --scope {scope}`",
        )
