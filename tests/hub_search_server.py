"""A hub on the loopback interface that lists models and can be told to misbehave."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from index_server import serving

Answer = Callable[["HubHandler"], None]


def model(name: str, files: dict[str, int] | None = None, *tags: str, **fields: Any) -> dict[str, Any]:
    """Return a model as the hub's interface tells it; sizes of files only where it is asked for one model."""
    siblings = [{"rfilename": file, "size": size} for file, size in (files or {}).items()]
    usual = {"downloads": 1000, "likes": 10, "gated": False, "private": False}
    dated = {"lastModified": "2026-11-01T00:00:00.000Z"}
    return {"id": name, "tags": list(tags), "siblings": siblings, **usual, **dated, **fields}


def gguf(parameters: int, **fields: Any) -> dict[str, Any]:
    return {"total": parameters, "architecture": "llama", "context_length": 8192, **fields}


@dataclass
class Hub:
    """What the hub has, how it behaves, and what it was asked."""

    models: list[dict[str, Any]] = field(default_factory=list)
    answer: Answer | None = None
    """answers every request instead of what is usual"""
    token: str | None = None
    """without it nothing is told"""
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    """of each request, their names in small letters"""
    go_on: threading.Event = field(default_factory=threading.Event)
    """ends the answers that wait for it"""
    url: str = ""

    def lists(self) -> list[dict[str, list[str]]]:
        return [query for path, query in self.asked if path == "/api/models"]

    def details(self) -> list[str]:
        return [path.removeprefix("/api/models/") for path, _query in self.asked if path != "/api/models"]


class HubHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[Hub]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.hub.asked.append((parts.path, query))
        self.hub.headers.append({name.lower(): said for name, said in self.headers.items()})
        if self.hub.answer:
            return self.hub.answer(self)
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.send(b"{}", 401)
        if parts.path == "/api/models":
            return self.send_json(self._listed(query))
        name = parts.path.removeprefix("/api/models/")
        found = [one for one in self.hub.models if one["id"] == name]
        return self.send_json(found[0]) if found else self.send(b"{}", 404)

    def _listed(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """Return what the query asks for, as the hub filters: by tags, by words in the name, by the task."""
        found = [
            one
            for one in self.hub.models
            if set(query.get("filter", ())) <= {*one["tags"]}
            and all(word in one["id"].lower() for word in query.get("search", [""])[0].lower().split())
            and query.get("pipeline_tag", [one.get("pipeline_tag")])[0] == one.get("pipeline_tag")
        ]
        found.sort(key=lambda one: -one["downloads"])
        names = [
            {"siblings": [{"rfilename": each["rfilename"]} for each in one["siblings"]]} for one in found
        ]
        return [{**one, **files} for one, files in zip(found, names, strict=True)][: int(query["limit"][0])]

    def send_json(self, value: object) -> None:
        self.send(json.dumps(value).encode())

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, content in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), content)
        self.end_headers()
        self.wfile.write(body)


def without_sizes(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "siblings": [{"rfilename": each["rfilename"]} for each in one["siblings"]]}


@contextmanager
def hub_server(hub: Hub) -> Iterator[Hub]:
    with serving(type("Handler", (HubHandler,), {"hub": hub})) as hub.url:
        try:
            yield hub
        finally:
            hub.go_on.set()


SMALL_GERMAN = model(
    "maker/Klein-3B-Instruct-GGUF",
    {"klein-Q2_K.gguf": 1_300_000_000, "klein-Q4_K_M.gguf": 1_900_000_000, "klein-Q8_0.gguf": 3_200_000_000},
    *("gguf", "de", "en", "conversational", "license:apache-2.0"),
    downloads=50_000,
    gguf=gguf(3_000_000_000, chat_template="{{ messages }}"),
)
LARGE_GERMAN = model(
    "maker/Gross-70B-Instruct-GGUF",
    {f"Q4_K_M/gross-Q4_K_M-{part:05}-of-00002.gguf": 21_000_000_000 for part in (1, 2)},
    *("gguf", "de", "conversational", "license:llama3.1"),
    downloads=900_000,
    gguf=gguf(70_000_000_000),
)
ENGLISH = model(
    "maker/Plain-3B-Instruct-GGUF",
    {"plain-Q4_K_M.gguf": 1_900_000_000},
    *("gguf", "en", "conversational", "license:mit"),
    downloads=800_000,
    gguf=gguf(3_000_000_000),
)
FOLDER = model(
    "maker/Ordner-7B-Chat",
    {"config.json": 700, "model.safetensors": 14_000_000_000, "tokenizer.json": 2_000_000},
    *("safetensors", "de", "conversational", "license:cc-by-nc-4.0"),
    pipeline_tag="text-generation",
    gated="manual",
    safetensors={"total": 7_000_000_000, "parameters": {"BF16": 7_000_000_000}},
)
TENSORFLOW = model(
    "maker/Ordner-Old",
    {"config.json": 700, "tf_model.h5": 500_000_000},
    *("tf", "de", "license:mit"),
    pipeline_tag="text-generation",
)
EMBEDDING = model(
    "maker/Vektor-Embedding-GGUF",
    {"vektor-F16.gguf": 270_000_000},
    *("gguf", "de", "feature-extraction", "license:mit"),
    pipeline_tag="feature-extraction",
    gguf=gguf(135_000_000),
)
ALL = [SMALL_GERMAN, LARGE_GERMAN, ENGLISH, FOLDER, TENSORFLOW, EMBEDDING]
