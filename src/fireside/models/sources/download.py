"""Downloads one file so that nothing is fetched twice: not after a dropped connection, not after kill -9.

What arrived lies in the `.part` file; `.part.json` beside it remembers what it is a part of, so
that a changed file on the server is begun anew (RFC 9110, sections 13.1.5 and 14).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx
import msgspec

from fireside.models.sources.package_index import Candidate
from fireside.models.sources.web import Failure, Web
from fireside.written import read_whole

BLOCK_BYTES = 256 << 10
"""what a broken connection loses at most"""
PROGRESS_BYTES = 1 << 20
LONGEST_PAUSE_S = 4.0
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")

Fetched = Callable[[int, int], None]
"""called with the bytes that are here and the bytes in all"""


class Partial(msgspec.Struct, frozen=True):
    """What a `.part` file is a part of."""

    url: str
    sha256: str | None
    etag: str | None


class Download:
    """One download into `part`, of at most `limit_bytes`.

    `announced` is told how many bytes will come before the first is written, and may refuse them.
    """

    def __init__(
        self,
        web: Web,
        candidate: Candidate,
        part: Path,
        *,
        limit_bytes: int,
        fetched: Fetched,
        announced: Callable[[int], None] | None = None,
    ) -> None:
        self._web = web
        self._candidate = candidate
        self._part = part
        self._record = part.with_name(part.name + ".json")
        self._limit_bytes = limit_bytes
        self._fetched = fetched
        self._announced = announced
        self.resumed = False
        """whether bytes of an earlier attempt were used"""

    async def run(self, retries: int) -> None:
        """Bring the whole file; a connection that breaks is taken up again up to `retries` times in a row."""
        self.resumed = self._resumable() > 0
        failures = 0
        while True:
            before = self._size()
            try:
                return await self._fetch_rest()
            except Failure as failure:
                # A trickle is no progress, or a server that drops after each byte would be asked for ever.
                failures = failures + 1 if self._size() < before + PROGRESS_BYTES else 1
                if not failure.passing or failures > retries:
                    raise
            await asyncio.sleep(min(0.125 * 2**failures, LONGEST_PAUSE_S))

    def discard(self) -> None:
        """Forget what is here, so that the next run begins anew."""
        self._record.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _resumable(self) -> int:
        """Return how many bytes are here of exactly this file."""
        partial = _read(self._record)
        fits = partial is not None and (
            partial.url == self._candidate.url
            or (partial.sha256 and partial.sha256 == self._candidate.sha256)
        )
        return self._size() if fits else 0

    async def _fetch_rest(self) -> None:
        have = self._resumable()
        if have and have == self._candidate.size_bytes:
            return self._fetched(have, have)
        headers = self._range(have) if have else {}
        async with self._web.get(self._candidate.url, headers) as response:
            begin, total = self._placed(response, have)
            if total == begin and begin:
                return self._fetched(begin, begin)
            if self._announced and total is not None:
                self._announced(total - begin)
            self._begin(response, begin)
            await self._write(response, begin, total)
        return None

    def _range(self, have: int) -> dict[str, str]:
        partial = _read(self._record)
        headers = {"Range": f"bytes={have}-"}
        if partial and partial.etag and partial.url == self._candidate.url:
            headers["If-Range"] = partial.etag
        return headers

    def _placed(self, response: httpx.Response, have: int) -> tuple[int, int | None]:
        """Return where the answer's bytes begin, and how long the whole file is if that is known."""
        if response.status_code == 200:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else self._candidate.size_bytes
            begin = 0
        else:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            total = int(match.group(2)) if match and match.group(2) != "*" else None
            begin = have
            complete = response.status_code == 416 and total == have
            if not complete and (match is None or match.group(1) != str(have)):
                self.discard()
                raise Failure(f"{response.url.host} answers with another range than asked for", passing=True)
        if (total or 0) > self._limit_bytes:
            raise Failure(f"{response.url.host} offers a file of {total:,} bytes, far more than was expected")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Failure(f"{response.url.host} sends the file in an encoding that wasn't asked for")
        return begin, total

    def _begin(self, response: httpx.Response, begin: int) -> None:
        """Note what the part is a part of, before its first byte is written."""
        etag = response.headers.get("ETag")
        partial = Partial(
            url=self._candidate.url,
            sha256=self._candidate.sha256,
            etag=etag if etag and not etag.startswith("W/") else None,
        )
        if not begin:
            self.discard()
        self._record.write_bytes(msgspec.json.encode(partial))

    async def _write(self, response: httpx.Response, begin: int, total: int | None) -> None:
        done = begin
        with self._part.open("ab") as file:
            async for block in response.aiter_raw(BLOCK_BYTES):
                done += len(block)
                if done > (total or self._limit_bytes):
                    raise Failure(f"{response.url.host} sends more bytes than it announced")
                await _write_block(file, block)
                self._fetched(done, total or done)
        if total is not None and done < total:
            raise Failure(f"{response.url.host} ended after {done:,} of {total:,} bytes", passing=True)


async def _write_block(file: BinaryIO, block: bytes) -> None:
    """Write in a thread, since a full or slow disk must not hold up other people's replies."""
    writing = asyncio.ensure_future(asyncio.to_thread(file.write, block))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await writing  # the file is closed next, not while it is written to
        raise


def _read(record: Path) -> Partial | None:
    try:
        return read_whole(record, Partial)
    except (OSError, msgspec.MsgspecError):
        return None
