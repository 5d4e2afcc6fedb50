"""Finds one wheel on the person's package indexes and in their `find-links` places.

Formats: PEP 503 (pages) and PEP 691 (JSON); folders and `file:` places as pip reads them.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

import msgspec

from fireside.models.pip_configuration import PipConfiguration
from fireside.models.sources.credentials import Credentials
from fireside.models.sources.web import Failure, Web

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MAX_PAGE_BYTES = 32 << 20
PAUSE_S = 0.25
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Candidate(msgspec.Struct, frozen=True):
    """One place that has the wheel: a URL, or a file of this machine."""

    url: str
    path: Path | None = None
    sha256: str | None = None
    size_bytes: int | None = None


Take = Callable[[Candidate], Awaitable[None]]
"""fetches from one place; Failure where the next one is to be tried"""


class _File(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    size: int | None = None


class _Page(msgspec.Struct):
    files: list[_File]


def asking(configuration: PipConfiguration, environ: Mapping[str, str]) -> Web:
    """Return what asks the places that pip would ask, with the logins that it would use."""
    places = [place for place in (*configuration.indexes, *configuration.find_links) if "://" in place]
    return Web(configuration, Credentials(places, environ, keyring=configuration.keyring))


async def bring(
    web: Web, configuration: PipConfiguration, project: str, name: str, take: Take
) -> Sequence[Failure] | None:
    """Let `take` have the file from the first place that offers it and doesn't fail; else return why."""
    failures: list[Failure] = []
    async with contextlib.aclosing(_places(web, configuration, project, name)) as places:
        async for found in places:
            try:
                if isinstance(found, Failure):
                    raise found
                await take(found)
            except Failure as failure:
                failures.append(failure)
            else:
                return None
    return failures


async def _places(
    web: Web, configuration: PipConfiguration, project: str, wheel: str
) -> AsyncGenerator[Candidate | Failure, None]:
    """Yield each place that offers `wheel`, nearest first, and why other places couldn't be asked."""
    pages = [
        *configuration.find_links,
        *(f"{index.rstrip('/')}/{project}/" for index in configuration.indexes),
    ]
    places = sorted(pages, key=lambda place: _local(place) is None)
    for place in places:
        try:
            candidates = await _asked_twice(web, place, wheel)
        except Failure as failure:
            yield failure
            continue
        for candidate in candidates:
            yield candidate


async def _asked_twice(web: Web, place: str, wheel: str) -> list[Candidate]:
    try:
        return await _candidates(web, place, wheel)
    except Failure as failure:
        if not failure.passing:
            raise
    await asyncio.sleep(PAUSE_S)
    return await _candidates(web, place, wheel)


async def _candidates(web: Web, place: str, wheel: str) -> list[Candidate]:
    local = _local(place)
    if local is not None:
        return list(_in_folder(local, wheel))
    headers = {"Accept": ACCEPT}
    async with web.get(place, headers) as response:
        page = bytearray()
        async for piece in response.aiter_bytes():
            page += piece
            if len(page) > MAX_PAGE_BYTES:
                raise Failure(f"{response.url.host} sends a page without end")
        base, kind = str(response.url), response.headers.get("Content-Type", "")
    links = _from_json(page, base) if "json" in kind else _from_page(page.decode("utf-8", "replace"), base)
    return [
        link for link in links if _file_name(link.url) == wheel and link.url.startswith(("https:", "http:"))
    ]


def _local(place: str) -> Path | None:
    """Return the path that a place means, or None for one on the network."""
    if place.startswith("file:"):
        return Path(url2pathname(urlsplit(place).path))
    return None if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) else Path(place).expanduser()


def _in_folder(local: Path, wheel: str) -> Iterator[Candidate]:
    """Look into a folder of wheels, an index kept in folders, or a page kept in a file."""
    if (local / wheel).is_file():
        yield Candidate(url=(local / wheel).absolute().as_uri(), path=local / wheel)
        return
    if not local.exists() and not local.parent.exists():
        raise Failure(f"there is no folder {local.parent}", hint="correct pip's index-url and find-links")
    page = local / "index.html" if local.is_dir() else local
    if not page.is_file():
        return
    try:
        text = page.read_bytes()[:MAX_PAGE_BYTES].decode("utf-8", "replace")
    except OSError as error:
        raise Failure(f"{page} can't be read: {error.strerror}", hint="correct pip's find-links") from error
    for link in _from_page(text, page.absolute().as_uri()):
        if _file_name(link.url) == wheel:
            path = _local(link.url)
            if path is None or path.is_file():
                yield msgspec.structs.replace(link, path=path)


def _from_json(page: bytes | bytearray, base: str) -> list[Candidate]:
    try:
        files = msgspec.json.decode(page, type=_Page).files
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(f"{urlsplit(base).hostname} sends a listing that can't be read: {error}") from error
    return [
        Candidate(
            url=_joined(base, file.url), sha256=_sha256(file.hashes.get("sha256")), size_bytes=file.size
        )
        for file in files
    ]


def _from_page(text: str, base: str) -> list[Candidate]:
    links = _Links(base)
    links.feed(text)
    links.close()
    return links.found


class _Links(HTMLParser):
    """Collects a page's links, resolved against its address or its `<base>`."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.found: list[Candidate] = []
        self._base = base

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if not target:
            return
        url = _joined(self._base, target.strip())
        if tag == "base":
            self._base = url
        elif tag == "a":
            address, _, fragment = url.partition("#")
            self.found.append(Candidate(url=address, sha256=_sha256(fragment.removeprefix("sha256="))))


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        return ""


def _sha256(text: str | None) -> str | None:
    lower = (text or "").lower()
    return lower if _SHA256.fullmatch(lower) else None


def _file_name(url: str) -> str:
    try:
        return unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:
        return ""
