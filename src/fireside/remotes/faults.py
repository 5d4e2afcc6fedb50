"""What a server elsewhere says when it doesn't do what it was asked, as errors of our own.

Its words are foreign: they are cut short, and a key that it repeats is not passed on.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fireside.errors import (
    BadRequest,
    ContextLengthExceeded,
    EngineError,
    FiresideError,
    RemoteRefused,
    RemoteUnavailable,
    TooBusy,
)

LONGEST_WORDS = 300
LONGEST_RETRY_S = 600
_TOO_LONG = re.compile(
    r"context (length|size|window)|exceed_context|maximum.{0,40}(tokens|length)|too many tokens", re.I
)
_BUSY = "it has no room for another request"


def failure_of(
    remote: str, status: int, body: bytes, *, key: str | None, retry_after: str = ""
) -> FiresideError:
    """Return the error that an answer with `status`, which isn't 200, means.

    >>> failure_of("office", 404, b'{"error": {"message": "no model x"}}', key=None).message
    'office: no model x (404)'
    """
    said = f"{remote}: {words_in(body, key)} ({status})"
    if status in (401, 403):
        return RemoteRefused(
            f"{remote} refuses the key ({status})" if key else f"{remote} wants a key ({status})",
            hint=f"check `key_env` or `keyring` of [remotes.{remote}] in the settings",
        )
    if status == 404:
        return RemoteRefused(
            said, hint=f"`fireside models` lists what it has; check `url` of [remotes.{remote}]"
        )
    if 300 <= status < 400:
        return RemoteRefused(
            f"{remote} redirects to another address ({status}), which is not followed",
            hint=f"set `url` of [remotes.{remote}] to where it really is",
        )
    if status == 429:
        wait_s = retry_after_s(retry_after)
        return TooBusy(f"{remote}: {_BUSY}", hint=f"try again in about {wait_s} s", retry_after_s=wait_s)
    if status in (502, 503, 504):
        return RemoteUnavailable(said, hint="try again in a while")
    if status in (400, 413, 422):
        return _refusal(remote, body, said)
    return EngineError(said, hint="ask again, or look at that server's log")


def _refusal(remote: str, body: bytes, said: str) -> FiresideError:
    if _TOO_LONG.search(body[:4096].decode("utf-8", "replace")):
        return ContextLengthExceeded(
            said,
            hint=f"shorten it, or set a smaller `context_length` in [remotes.{remote}]: its tokens differ",
        )
    return BadRequest(said, hint="change what it names")


def words_in(body: bytes, key: str | None = None) -> str:
    """Return what an error's body says, in whichever of the usual shapes.

    >>> words_in(b'{"detail": "Not Found"}'), words_in(b"<html><h1>nginx"), words_in(b"")
    ('Not Found', 'it answers with a web page', 'it says no more')
    """
    if body.lstrip()[:1] == b"<":
        return "it answers with a web page"
    try:
        said = _message(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        said = body[: LONGEST_WORDS * 4].decode("utf-8", "replace")
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
    if key:
        said = said.replace(key, "[its key]")
    return said[:LONGEST_WORDS] or "it says no more"


def _message(told: Any) -> str:
    while isinstance(told, dict):
        told = next((told[name] for name in ("error", "message", "detail", "type") if told.get(name)), "")
    return told if isinstance(told, str) else msgspec.json.encode(told).decode()


def retry_after_s(header: str) -> int:
    """Return the seconds that a Retry-After header asks for; 1 where it names none, or a date.

    >>> retry_after_s("7"), retry_after_s("Wed, 21 Oct 2026 07:28:00 GMT"), retry_after_s("99999")
    (7, 1, 600)
    """
    return min(LONGEST_RETRY_S, max(1, int(header))) if header.isascii() and header.isdigit() else 1
