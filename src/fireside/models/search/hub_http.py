"""Short questions to the hub by its own client, which knows neither a deadline nor a largest answer.

huggingface_hub asks without time limits, tries again for half a minute, reads whatever comes, sends its
token along to the address of a further page, and tells its makers of what it runs in. What is asked here
ends in time, is asked at most twice, of one host, and has an answer that fits into memory. Downloads by the
same client are left alone.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
SILENCE_S = 8.0
"""without a byte"""
LONGEST_S = 15.0
"""one question, answer and all"""
LARGEST_BYTES = 16_000_000
"""of one answer: forty models with all their files take a tenth of it"""
_lock = threading.Lock()
_asking: ContextVar[_Question | None] = ContextVar("asking", default=None)


class HubSilent(Exception):
    """It didn't answer in time, or its answer doesn't end; `str` says which."""


class HubRefused(Exception):
    """It answers with an error. `status` is HTTP's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answers {status}")
        self.status = status


class _Question:
    """What is asked, when and of whom, and whether a refusal is told as one here."""

    def __init__(self, endpoint: str, *, tells_refusals: bool) -> None:
        self.tells_refusals = tells_refusals
        self.until = time.monotonic() + LONGEST_S
        self.requests: list[str] = []
        self.host = _origin(endpoint)

    def check(self) -> None:
        if time.monotonic() > self.until:
            raise HubSilent("it didn't answer in time")


def _origin(address: str) -> tuple[str, str | None, int | None]:
    """
    >>> _origin("https://hub.example:443/api") == _origin("https://hub.example")
    True
    """
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def ask(endpoint: str, call: Callable[[], T], *, tells_refusals: bool = True) -> T:
    """Return what `call` returns, which asks the hub at `endpoint` by its client, in this thread.

    HubSilent, or what the client raises; refusals are HubRefused unless the client's own words are wanted.
    """
    _bound_the_client()
    token = _asking.set(_Question(endpoint, tells_refusals=tells_refusals))
    try:
        return call()
    finally:
        _asking.reset(token)


def _bound_the_client() -> None:
    import huggingface_hub
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    with _lock:
        session: Any = huggingface_hub.get_session()
        if _before not in session.event_hooks["request"]:
            huggingface_hub.set_client_factory(_with_bounds(type(session), session.event_hooks))


def _with_bounds(client: Any, hooks: dict[str, list[Any]]) -> Callable[[], Any]:
    """Return what makes clients like the one there was, with our hooks after its own."""
    own = {"request": [*hooks["request"], _before], "response": [*hooks["response"], _after]}
    return lambda: client(event_hooks=own, follow_redirects=True, timeout=None)


def _before(request: Any) -> None:
    """Called before every request, those of redirects and of further pages too."""
    question = _asking.get()
    if question is None:
        return
    question.check()
    address = str(request.url)
    if _origin(address) != question.host:
        raise HubSilent("it refers to another host")
    # The client asks again where a connection broke: the hub may have closed an old one long ago.
    if question.requests.count(address) > 1:
        raise HubSilent("it can't be reached")
    question.requests.append(address)
    request.headers["accept-encoding"] = "identity"  # a small answer must not unfold into a large one
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), SILENCE_S)


def _after(response: Any) -> None:
    question = _asking.get()
    if question is None:
        return
    if response.status_code >= 400 and question.tells_refusals:
        raise HubRefused(response.status_code)
    if "content-encoding" in response.headers:
        raise HubSilent("its answer is packed, which it wasn't asked for")
    library = importlib.import_module(type(response).__module__.partition(".")[0])
    bounded = type("Bounded", (_Bounded, library.SyncByteStream), {})
    response.stream = bounded(response.stream, question)


class _Bounded:
    """A body that is read in time and to a size."""

    def __init__(self, stream: Any, question: _Question) -> None:
        self._stream = stream
        self._question = question

    def __iter__(self) -> Iterator[bytes]:
        left = LARGEST_BYTES
        for piece in self._stream:
            self._question.check()
            left -= len(piece)
            if left < 0:
                raise HubSilent("its answer is too long")
            yield piece

    def close(self) -> None:
        self._stream.close()
