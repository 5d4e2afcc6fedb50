"""A package index on the loopback interface that can be told to misbehave."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from fireside.models.shelf import ShelfModel, Wheel

WHEEL = "tiny_model-1.0-py3-none-any.whl"
MEMBER = "tiny_model/tiny.gguf"


def wheel_of(payload: bytes, member: str = MEMBER, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(member, payload)
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('this package was run')")
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Name: tiny-model\nVersion: 1.0\n")
    return buffer.getvalue()


def shelf_model(payload: bytes, wheel: bytes) -> ShelfModel:
    return ShelfModel(
        project="tiny-model",
        wheels=(
            Wheel(
                project="tiny-model",
                wheel=WHEEL,
                wheel_bytes=len(wheel),
                member=MEMBER,
                member_bytes=len(payload),
                member_sha256=hashlib.sha256(payload).hexdigest(),
            ),
        ),
        file_name="tiny.gguf",
        size_bytes=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        name="Tiny",
        origin="a test",
        licence="Apache-2.0",
        languages=("English",),
        architecture="llama",
        parameters=136,
        quantization="Q4_1",
        context_length=2048,
        has_template=True,
        tuned_for="instruct",
    )


@dataclass
class Request:
    path: str
    headers: dict[str, str]


@dataclass
class Index:
    """What the server offers, how it behaves, and what it was asked."""

    wheel: bytes
    others: dict[str, bytes] = field(default_factory=dict)
    """other wheels, each in a project of its own, whose server always behaves"""
    json: bool = True
    with_hash: bool = True
    sha256: str | None = None
    ranges: bool = True
    etag: str | None = '"one"'
    login: str | None = None
    statuses: list[int] = field(default_factory=list)
    """answers to the next requests for the wheel, before it is given"""
    page_statuses: list[int] = field(default_factory=list)
    """answers to the next requests for the project's page"""
    drop_after: list[int] = field(default_factory=list)
    """after how many bytes the next connections break off"""
    redirect_to: str | None = None
    """where a request for the wheel is sent"""
    pause_after: int | None = None
    """bytes after which the wheel waits until `go_on` is set"""
    go_on: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)
    asked: list[Request] = field(default_factory=list)
    url: str = ""

    @property
    def simple(self) -> str:
        return f"{self.url}/simple"

    def wheel_requests(self) -> list[Request]:
        return [request for request in self.asked if request.path.endswith(".whl")]


def _page(index: Index) -> tuple[str, bytes]:
    sha256 = index.sha256 or hashlib.sha256(index.wheel).hexdigest()
    address = f"../../files/{WHEEL}"
    if index.json:
        hashes = {"sha256": sha256} if index.with_hash else {}
        files = [
            {"filename": "tiny_model-0.9-py3-none-any.whl", "url": "../../files/old.whl", "hashes": {}},
            {"filename": WHEEL, "url": address, "hashes": hashes, "size": len(index.wheel)},
        ]
        return "application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode()
    fragment = f"#sha256={sha256}" if index.with_hash else ""
    return "text/html", f'<a href="../../files/old.whl">old</a><a href="{address}{fragment}">x</a>'.encode()


class IndexHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: ClassVar[Index]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.index.asked.append(Request(self.path, dict(self.headers)))
        if self.index.login and self.headers.get("Authorization") != self.index.login:
            return self.answer(401, b"")
        if self.path.endswith("/simple/tiny-model/"):
            if self.index.page_statuses:
                return self.answer(self.index.page_statuses.pop(0), b"")
            kind, page = _page(self.index)
            return self.answer(200, page, {"Content-Type": kind})
        if self.path.endswith(WHEEL):
            return self.wheel()
        return self.other()

    def other(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        if content := self.index.others.get(name):
            return self.answer(200, content)
        for wheel, content in self.index.others.items():
            if wheel.startswith(f"{name.replace('-', '_')}-"):
                hashes = {"sha256": hashlib.sha256(content).hexdigest()}
                file = {
                    "filename": wheel,
                    "url": f"../../files/{wheel}",
                    "hashes": hashes,
                    "size": len(content),
                }
                kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
                return self.answer(200, json.dumps({"files": [file]}).encode(), kind)
        return self.answer(404, b"")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, content in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(body)

    def wheel(self) -> None:
        if self.index.redirect_to:
            return self.answer(302, b"", {"Location": self.index.redirect_to})
        if self.index.statuses and (status := self.index.statuses.pop(0)) != 200:
            return self.answer(status, b"")
        begin, status = self.range()
        if begin >= len(self.index.wheel) > 0:
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(self.index.wheel)}"})
        return self.body(begin, status)

    def range(self) -> tuple[int, int]:
        asked = self.headers.get("Range", "")
        changed = self.headers.get("If-Range") not in (None, self.index.etag)
        if not self.index.ranges or changed or not asked.startswith("bytes="):
            return 0, 200
        return int(asked.removeprefix("bytes=").rstrip("-")), 206

    def body(self, begin: int, status: int) -> None:
        body = self.index.wheel[begin:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.index.etag:
            self.send_header("ETag", self.index.etag)
        if status == 206:
            total = len(self.index.wheel)
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        if self.index.pause_after is not None:
            self.wfile.write(body[: self.index.pause_after])
            self.index.paused.set()
            self.index.go_on.wait()
            body = body[self.index.pause_after :]
        if self.index.drop_after:
            self.wfile.write(body[: self.index.drop_after.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body)


def _handler(index: Index) -> type[IndexHandler]:
    return type("Handler", (IndexHandler,), {"index": index})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what these tests are about."""


@contextmanager
def serving(
    handler: type[http.server.BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve on a free loopback port; yield the address."""
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def index_server(index: Index, tls: ssl.SSLContext | None = None) -> Iterator[Index]:
    with serving(_handler(index), tls) as index.url:
        try:
            yield index
        finally:
            index.go_on.set()
