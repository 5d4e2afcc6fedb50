"""Snapshots: what an engine has read for a conversation, on disk, so that it isn't read twice.

A snapshot is a `.state` file that the engine wrote and an `.index` file of ours, which says what produced
it: a key (model file, engine build, context settings), the exact token ids, the conversation, and a
checksum, since an engine notices no flipped byte and dies of a file that was cut short. Only where the key
is equal and the ids are the beginning of a prompt is one used. Whatever isn't sound is removed.

Nothing is forced to the disk: what a power cut leaves half written is found damaged and read anew.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from fireside.token_ids import count, shared
from fireside.written import write_whole

SHARE_OF_FREE, MOST_BYTES = 0.05, 4 << 30
STATE, INDEX, NEW = ".state", ".index", ".new"
EACH = 3
"""branches of one conversation that are kept for one model"""
HALF_LIFE_S = 3 * 24 * 3600.0
_PIECE = 1 << 20
log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """What is known of a saved state. `ids` are packed (`token_ids`), `message_id` is the last message
    that it was read for."""

    name: str
    key: str
    model: str
    conversation_id: str
    message_id: str
    ids: bytes
    size_bytes: int
    crc32: int

    @property
    def tokens(self) -> int:
        return count(self.ids)


class Snapshots:
    """All snapshots of a home, within a budget in bytes. Safe to call from any thread.

    A budget of None is a share of what is free on the disk; 0 keeps nothing. `keeps` tells whether
    anything of a conversation may lie on the disk: not of a temporary one, nor of one in the trash.
    """

    def __init__(
        self,
        folder: Path,
        budget_bytes: int | None = None,
        *,
        keeps: Callable[[str], bool] = lambda conversation_id: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._budget_bytes = budget_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Snapshot] = {}
        self._used_at: dict[str, float] = {}
        self.keeps = keeps

    @classmethod
    def open(
        cls,
        folder: Path,
        budget_bytes: int | None = None,
        *,
        keeps: Callable[[str], bool] = lambda conversation_id: True,
    ) -> Snapshots:
        """Return what lies in `folder`, which is made for its owner's eyes only.

        What isn't whole, or isn't to be kept any more, is removed.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        snapshots = cls(folder, budget_bytes, keeps=keeps)
        for path in folder.glob(f"*{INDEX}"):
            found = _read_index(path)
            whole = found and found.name == path.stem and snapshots._state(found.name).is_file()
            if found and whole and keeps(found.conversation_id):
                snapshots._known[found.name] = found
                snapshots._used_at[found.name] = path.stat().st_mtime
        for path in folder.iterdir():
            whole = path.stem in snapshots._known and path.suffix != NEW
            if path.suffix in (STATE, INDEX, NEW) and not whole:
                path.unlink(missing_ok=True)
        snapshots._evict(0)
        return snapshots

    @property
    def enabled(self) -> bool:
        return self._budget_bytes != 0

    @property
    def used_bytes(self) -> int:
        return sum(snapshot.size_bytes for snapshot in [*self._known.values()])

    @property
    def limit_bytes(self) -> int:
        """How much may lie on the disk; nothing while there is no folder for it.

        Whoever deletes the folder only has things read anew: it is made again.
        """
        try:
            self.folder.mkdir(exist_ok=True, mode=0o700)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            log.warning("nothing can be saved in %s: %s", self.folder, error.strerror)
            return 0
        if self._budget_bytes is not None:
            return self._budget_bytes
        return min(MOST_BYTES, int((free + self.used_bytes) * SHARE_OF_FREE))

    def of(self, conversation_id: str) -> tuple[Snapshot, ...]:
        """Return a conversation's snapshots, the one that was used last first."""
        own = [one for one in [*self._known.values()] if one.conversation_id == conversation_id]
        return tuple(sorted(own, key=lambda one: -self._used_at.get(one.name, 0.0)))

    def longest(self, key: str, ids: bytes, *, whole: bool) -> tuple[str, bytes, int] | None:
        """Return the name and ids of the snapshot that begins `ids` furthest, and how many ids that is.

        Of several the smallest. With `whole` only one of which every id is used: not every state can be cut.
        """
        same = [(shared(one.ids, ids), one) for one in [*self._known.values()] if one.key == key]
        usable = [(length, one) for length, one in same if length and (length == one.tokens or not whole)]
        if not usable:
            return None
        length, best = max(usable, key=lambda found: (found[0], -found[1].size_bytes))
        return best.name, best.ids, length

    def sound(self, name: str) -> bool:
        """Return whether the snapshot's file is what was written; a damaged one is removed."""
        known = self._known.get(name)
        if known is None:
            return False
        path = self._state(name)
        try:
            intact = path.stat().st_size == known.size_bytes and _crc32(path) == known.crc32
        except OSError:
            intact = False
        if intact:
            self._touch(name)
        else:
            log.warning("a saved state of conversation %s is damaged and was removed", known.conversation_id)
            self.drop(name)
        return intact

    def path(self, name: str) -> str:
        """Return the file name, inside `folder`, of a snapshot's state."""
        return self._state(name).name

    def drop(self, name: str) -> None:
        """Remove a snapshot."""
        with self._lock:
            self._remove(name)

    def keep(
        self, made: Path, *, key: str, model: str, conversation_id: str, message_id: str, ids: bytes
    ) -> bool:
        """Take in the file `made`, which an engine has just written; return whether it is kept.

        It replaces what it goes on from. Where the budget is full the least valuable go first.
        """
        try:
            size = made.stat().st_size
            if size > self.limit_bytes:
                log.info("a state of %d bytes is not saved: the budget is %d", size, self.limit_bytes)
                return False
            made.chmod(0o600)
            name = os.urandom(16).hex()
            new = Snapshot(name, key, model, conversation_id, message_id, ids, size, _crc32(made))
            with self._lock:
                return self._take_in(made, new)
        except OSError as error:
            log.warning("a state is not saved: %s", error.strerror)
            return False
        finally:
            made.unlink(missing_ok=True)

    def forget(self, conversation_id: str) -> None:
        """Remove a conversation's snapshots: it was deleted. `keeps` refuses those that are on their way."""
        with self._lock:
            for one in [*self._known.values()]:
                if one.conversation_id == conversation_id:
                    self._remove(one.name)

    def sweep(self) -> None:
        """Remove the snapshots of all conversations that aren't kept any more."""
        for conversation_id in {one.conversation_id for one in [*self._known.values()]}:
            if not self.keeps(conversation_id):
                self.forget(conversation_id)

    def _take_in(self, made: Path, new: Snapshot) -> bool:
        if not self.keeps(new.conversation_id):
            return False
        own = [
            one
            for one in self._known.values()
            if (one.conversation_id, one.key) == (new.conversation_id, new.key)
        ]
        if any(shared(one.ids, new.ids) == new.tokens for one in own):
            return True
        left = [one for one in own if shared(one.ids, new.ids) < one.tokens]
        for one in {*own} - {*left}:
            self._remove(one.name)
        for one in sorted(left, key=self._worth, reverse=True)[EACH - 1 :]:
            self._remove(one.name)
        self._evict(new.size_bytes)
        _write_index(self._index(new.name), new)
        made.replace(self._state(new.name))
        self._known[new.name] = new
        self._used_at[new.name] = self._clock()
        return True

    def _evict(self, coming_bytes: int) -> None:
        limit = self.limit_bytes
        while self._known and self.used_bytes + coming_bytes > limit:
            self._remove(min(self._known.values(), key=self._worth).name)

    def _worth(self, one: Snapshot) -> float:
        """Return the tokens per byte that only this one saves, halved for every `HALF_LIFE_S` unused."""
        used_at = self._used_at[one.name]
        newer: Collection[Snapshot] = [
            other
            for other in self._known.values()
            if other.key == one.key and self._used_at[other.name] > used_at
        ]
        covered = max((shared(one.ids, other.ids) for other in newer), default=0)
        age_s = max(0.0, self._clock() - used_at)
        return float((one.tokens - covered) / one.size_bytes * 0.5 ** (age_s / HALF_LIFE_S))

    def _remove(self, name: str) -> None:
        """The index goes first: a state without one is nothing. What can't go now goes at the next start."""
        self._known.pop(name, None)
        self._used_at.pop(name, None)
        try:
            for path in (self._index(name), self._state(name)):
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a saved state can't be removed: %s", error.strerror)

    def _touch(self, name: str) -> None:
        with self._lock:
            if name in self._known:
                self._used_at[name] = now = self._clock()
                with contextlib.suppress(OSError):
                    os.utime(self._index(name), (now, now))

    def _state(self, name: str) -> Path:
        return self.folder / f"{name}{STATE}"

    def _index(self, name: str) -> Path:
        return self.folder / f"{name}{INDEX}"


def _crc32(path: Path) -> int:
    """Read a file once. CRC-32 sees every flipped byte, at 3 GB/s; BLAKE2b takes four times as long."""
    crc, buffer = 0, bytearray(_PIECE)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(buffer):
            crc = zlib.crc32(view[:n], crc)
    return crc


def _write_index(path: Path, snapshot: Snapshot) -> None:
    data = msgspec.msgpack.encode(snapshot)
    write_whole(path, zlib.crc32(data).to_bytes(4, "big") + data, lasting=False)


def _read_index(path: Path) -> Snapshot | None:
    """Return what an index says; None for one that is damaged."""
    try:
        data = path.read_bytes()
        if zlib.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
            return None
        return msgspec.msgpack.decode(data[4:], type=Snapshot)
    except (OSError, msgspec.MsgspecError):
        return None
