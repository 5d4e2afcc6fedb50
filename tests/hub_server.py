"""A hub on the loopback interface, as the real `huggingface_hub` client knows it, that can misbehave.

Large files lie on a server of another name, to which the hub sends its clients, as the real one does.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from index_server import Request, serving

REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 1 << 16
"""larger files are kept apart, as with Git LFS"""


@dataclass
class Repo:
    """A repository: its files, what its card says, and who may have it."""

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    task: str | None = None
    gated: bool = False
    private: bool = False
    library: str | None = None
    revision: str = REVISION
    id: str | None = None
    """what it is called now"""
    hash_told: str | None = None
    """of all its files, in the place of their own"""
    sent_to: str | None = None
    """where the hub sends those who ask for it"""


@dataclass
class TestHub:
    """What the hub offers, how it behaves, and what it and the server of large files were asked."""

    __test__ = False
    repos: dict[str, Repo] = field(default_factory=dict)
    token: str = "hf_right"
    gone: set[str] = field(default_factory=set)
    """files that are listed and no longer there"""
    altered: dict[str, bytes] = field(default_factory=dict)
    """what is sent instead of a file"""
    drop_after: list[int] = field(default_factory=list)
    """after how many bytes the next downloads break off"""
    pause_after: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)
    instead: tuple[int, bytes] | None = None
    """what every question to the hub is answered with"""
    asked: list[Request] = field(default_factory=list)
    url: str = ""
    large_asked: list[Request] = field(default_factory=list)
    large_url: str = ""

    def downloads(self, name: str) -> list[Request]:
        """Return the requests for the content of a large file."""
        return [request for request in self.large_asked if request.path.endswith(f"/{name}")]


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def _sibling(path: str, content: bytes, hash_told: str | None = None) -> dict[str, Any]:
    git = hash_told or git_sha1(content)
    described: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git}
    if len(content) > LARGE_BYTES:
        sha256 = hash_told or hashlib.sha256(content).hexdigest()
        described["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return described


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[TestHub]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def noted(self) -> Request:
        return Request(self.path, {name.title(): value for name, value in self.headers.items()})

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, content in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, content)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def content(self, content: bytes, etag: str, headers: dict[str, str] | None = None) -> None:
        """Send a file, or what was asked of it, as far as this server feels like it."""
        asked = self.headers.get("Range", "")
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if begin >= len(content) > 0:
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("Content-Length", str(len(content) - begin))
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        return self._body(content[begin:]) if self.command != "HEAD" else None

    def _body(self, body: bytes) -> None:
        if self.hub.pause_after is not None and len(body) > LARGE_BYTES:
            self.wfile.write(body[: self.hub.pause_after])
            self.hub.paused.set()
            self.hub.go_on.wait()
            body = body[self.hub.pause_after :]
        if self.hub.drop_after and len(body) > LARGE_BYTES:
            body = body[: self.hub.drop_after.pop(0)]
            self.close_connection = True
        self.wfile.write(body)


class HubHandler(_Handler):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.asked.append(self.noted())
        if self.hub.instead:
            return self.answer(*self.hub.instead)
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            return self.described(path.removeprefix("/api/models/"))
        if "/resolve/" in path:
            repo_id, _, rest = path.removeprefix("/").partition("/resolve/")
            return self.resolved(repo_id, rest.partition("/")[2])
        return self.answer(404)

    def described(self, repo_id: str) -> None:
        repo = self.hub.repos.get(repo_id)
        if repo is None or (repo.private and not self.is_known()):
            return self.refused(401, "RepoNotFound", "Repository not found")
        if repo.sent_to:
            return self.answer(302, b"", {"Location": repo.sent_to})
        siblings = [_sibling(path, content, repo.hash_told) for path, content in sorted(repo.files.items())]
        info = {
            "id": repo.id or repo_id,
            "sha": repo.revision,
            "siblings": siblings,
            "gated": "auto" if repo.gated else False,
            "private": repo.private,
            "cardData": repo.card,
            "tags": repo.tags,
            "pipeline_tag": repo.task,
            "library_name": repo.library,
        }
        return self.answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def resolved(self, repo_id: str, path: str) -> None:
        repo = self.hub.repos[repo_id]
        if (repo.private or repo.gated) and not self.is_known():
            status = 403 if "Authorization" in self.headers else 401
            return self.refused(status, "GatedRepo", "You must have access to it and be authenticated")
        if path not in repo.files or path in self.hub.gone:
            return self.refused(404, "EntryNotFound", "Entry not found")
        original, content = repo.files[path], self.hub.altered.get(path, repo.files[path])
        headers = {"X-Repo-Commit": repo.revision}
        if len(original) <= LARGE_BYTES:
            return self.content(content, git_sha1(original), headers)
        sha256 = hashlib.sha256(original).hexdigest()
        place = self.hub.large_url
        headers |= {"Location": f"{place}/large/{repo_id}/{path}", "X-Linked-Size": str(len(original))}
        return self.answer(302, b"", headers | {"X-Linked-ETag": f'"{sha256}"'})

    def is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def refused(self, status: int, code: str, message: str) -> None:
        self.answer(status, b"", {"X-Error-Code": code, "X-Error-Message": message})


class LargeHandler(_Handler):
    def do_GET(self) -> None:
        self.hub.large_asked.append(self.noted())
        owner, name, path = unquote(self.path).removeprefix("/large/").split("/", 2)
        content = self.hub.altered.get(path, self.hub.repos[f"{owner}/{name}"].files[path])
        self.content(content, hashlib.sha256(content).hexdigest())


@contextmanager
def hub_server(hub: TestHub) -> Iterator[TestHub]:
    """Serve the hub and its large files; `hub.url` is what HF_ENDPOINT is set to."""
    with (
        serving(type("Handler", (HubHandler,), {"hub": hub})) as hub.url,
        serving(type("Handler", (LargeHandler,), {"hub": hub})) as large,
    ):
        hub.large_url = large.replace("127.0.0.1", "localhost")
        try:
            yield hub
        finally:
            hub.go_on.set()
