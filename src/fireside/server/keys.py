"""Keys, and the sessions of devices on which one was entered: made, found, listed, taken back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeVar

import msgspec

from fireside.cards import PERSONA_NAME, SCOPES, Key, NewKey, Scope, Session
from fireside.errors import BadRequest, Conflict, KeyNotFound, SessionNotFound
from fireside.store.ids import Ids, now_ms
from fireside.store.keys import KeyRows, StoredKey, StoredSession

PREFIX = "fs-"
LAN_KEY = "lan"
"""The key of those who come from the network, made by `fireside serve --lan`."""
SECRET_BYTES = 32
DAY_MS = 86_400_000
SESSION_MS = 30 * DAY_MS
SESSIONS_EACH = 50
"""Past it the oldest session of a key ends."""
KEYS_MOST = 500
USE_EVERY_MS = 60_000
"""A key's last use is written down at most this often: reading must not become writing."""


class Holder(msgspec.Struct, frozen=True):
    """A key that is good, and the session that stands for it where one does."""

    key: Key
    session: Session | None = None


class _Hashed(Protocol):
    @property
    def hash(self) -> bytes: ...


H = TypeVar("H", bound=_Hashed)
C = TypeVar("C", Key, Session)


def digest(secret: str) -> bytes:
    """Return what is kept of a secret: its SHA-256.

    A slow hash (scrypt, Argon2) protects what people think up. These secrets are 256 random bits:
    no speed of hashing makes them guessable, and every request would pay for a slow one.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Keys:
    """The keys and sessions of one store, held in memory: each request looks one up.

    Making and removing write to the store first, and raise its errors. Safe to call from any thread.
    """

    def __init__(self, rows: KeyRows, clock: Callable[[], int] = now_ms) -> None:
        self._rows = rows
        self._clock = clock
        self._ids = Ids()
        self._lock = threading.Lock()
        self._keys = {key.hash: key for key in rows.all_keys()}
        self._sessions = {session.hash: session for session in rows.all_sessions()}
        self._used_at: dict[str, int] = {}

    @property
    def exist(self) -> bool:
        """Whether there is any key: from the first one on, everybody needs one."""
        return bool(self._keys)

    # -- keys

    def make(self, name: str, scopes: Collection[Scope]) -> NewKey:
        """Make a key. BadRequest for its name or scopes, Conflict for a name that is taken."""
        if not PERSONA_NAME.fullmatch(name):
            raise BadRequest(
                f"{name!r} can't be a key's name",
                hint="letters, digits, spaces, dots, hyphens and underscores, 60 at most",
                param="name",
            )
        if not scopes:
            raise BadRequest("a key needs a scope", hint="chat, models or admin", param="scopes")
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        ordered = tuple(scope for scope in SCOPES if scope in scopes)
        with self._lock:
            if any(kept.card.name == name for kept in self._keys.values()):
                raise Conflict(f"there is a key called {name}", hint="choose another name", param="name")
            if len(self._keys) >= KEYS_MOST:
                raise Conflict(f"there are {KEYS_MOST} keys", hint="remove those that nobody uses")
            made = StoredKey(Key(self._ids.new(), name, ordered, self._clock()), digest(secret))
            self._rows.add_key(made)
            self._keys = self._keys | {made.hash: made}
        return NewKey(secret, made.card)

    def listed(self) -> tuple[Key, ...]:
        """Return every key, the oldest first."""
        return tuple(self._with_use(stored.card) for stored in self._keys.values())

    def named(self, name_or_id: str) -> Key:
        """Return one key; KeyNotFound when there is none."""
        return self._stored(name_or_id).card

    def by_id(self, key_id: str) -> Key | None:
        return next((one.card for one in self._keys.values() if one.card.id == key_id), None)

    def remove(self, name_or_id: str) -> Key:
        """Remove a key; its sessions end with it. KeyNotFound when there is none."""
        with self._lock:
            found = self._stored(name_or_id)
            self._rows.remove_key(found.card.id)
            self._keys = _without(self._keys, [found])
            of_key = [one for one in self._sessions.values() if one.card.key_id == found.card.id]
            self._sessions = _without(self._sessions, of_key)
            self._forget([found.card.id, *(one.card.id for one in of_key)])
        return found.card

    def _stored(self, name_or_id: str) -> StoredKey:
        for stored in self._keys.values():
            if name_or_id in (stored.card.id, stored.card.name):
                return stored
        raise KeyNotFound(f"there is no key {name_or_id}", hint="`fireside keys` lists them")

    def holder(self, secret: str) -> Holder | None:
        """Return who holds `secret`, a key."""
        found = _found(self._keys, secret)
        return Holder(found.card) if found else None

    # -- sessions

    def begin_session(self, key: Key, device: str) -> tuple[Session, str]:
        """Begin a session in the place of `key`; return it and the secret that its cookie carries."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock()
        session = Session(self._ids.new(), key.id, device, now, now + SESSION_MS, now)
        made = StoredSession(session, digest(secret))
        with self._lock:
            if not any(stored.card.id == key.id for stored in self._keys.values()):
                raise KeyNotFound("this key was removed just now", hint="use another key")
            self._end(self._surplus(key.id, now))
            self._rows.add_session(made)
            self._sessions = self._sessions | {made.hash: made}
        return session, secret

    def sessions(self, key_id: str | None = None) -> tuple[Session, ...]:
        """Return the sessions that are good, of one key or of all, the oldest first."""
        now = self._clock()
        good = (one.card for one in self._sessions.values() if one.card.expires_at > now)
        return tuple(self._with_use(one) for one in good if key_id in (None, one.key_id))

    def end_session(self, session_id: str) -> None:
        """End a session; SessionNotFound when there is none."""
        with self._lock:
            ended = [one for one in self._sessions.values() if one.card.id == session_id]
            if not ended:
                raise SessionNotFound(f"there is no session {session_id}", hint="it may have ended already")
            self._end(ended)

    def session_holder(self, secret: str) -> Holder | None:
        """Return who holds `secret`, a session's, while that is good."""
        found = _found(self._sessions, secret)
        if found is None or found.card.expires_at <= self._clock():
            return None
        key = self.by_id(found.card.key_id)
        return Holder(key, found.card) if key else None

    # -- last use

    def is_use_due(self, holder: Holder) -> bool:
        """Whether `note_use` would write: the last note is old enough, or of a clock that was set back."""
        last = self._used_at.get(_used_as(holder), 0)
        return abs(self._clock() - last) >= USE_EVERY_MS

    def note_use(self, holder: Holder) -> None:
        """Write down that a key was used just now."""
        now = self._clock()
        with self._lock:
            if not self.is_use_due(holder):
                return
            self._used_at[_used_as(holder)] = now
            self._used_at[holder.key.id] = now
        self._rows.note_use(holder.key.id, holder.session.id if holder.session else None, now)

    def _with_use(self, card: C) -> C:
        at = self._used_at.get(card.id)
        return msgspec.structs.replace(card, last_used_at=at) if at else card

    def _surplus(self, key_id: str, now: int) -> list[StoredSession]:
        """Return the sessions to end before one more begins with this key."""
        expired = [one for one in self._sessions.values() if one.card.expires_at <= now]
        good = [
            one for one in self._sessions.values() if one.card.key_id == key_id and one.card.expires_at > now
        ]
        return expired + good[: max(0, len(good) + 1 - SESSIONS_EACH)]

    def _end(self, sessions: list[StoredSession]) -> None:
        if sessions:
            self._rows.remove_sessions(tuple(one.card.id for one in sessions))
            self._sessions = _without(self._sessions, sessions)
            self._forget([one.card.id for one in sessions])

    def _forget(self, ids: list[str]) -> None:
        for gone in ids:
            self._used_at.pop(gone, None)


def _used_as(holder: Holder) -> str:
    return holder.session.id if holder.session else holder.key.id


def _found(hashed: dict[bytes, H], secret: str) -> H | None:
    """Return whose secret it is. Both sides are digests, so even the look-up tells nobody anything."""
    given = digest(secret)
    found = hashed.get(given)
    return found if found is not None and hmac.compare_digest(found.hash, given) else None


def _without(hashed: dict[bytes, H], gone: Iterable[H]) -> dict[bytes, H]:
    """Return a new table: readers take no lock."""
    hashes = {one.hash for one in gone}
    return {key: value for key, value in hashed.items() if key not in hashes}
