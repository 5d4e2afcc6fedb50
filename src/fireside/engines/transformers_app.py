"""What the child of the `transformers` engine answers: three routes behind a key, in llama.cpp's shapes.

`/apply-template` and `/tokenize` answer JSON; `/completion` streams server-sent events, and gives up when its
reader has left.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from fireside.engines.transformers_loading import leave, short_of_memory
from fireside.engines.transformers_sampling import Choice
from fireside.engines.transformers_text import Texts
from fireside.engines.transformers_writing import Cancelled, Wish, Writer
from fireside.errors import BadRequest

ROUTES = frozenset(("/completion", "/apply-template", "/tokenize"))
MOST_BYTES = 64 * 2**20
"""of one request"""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class _Template(msgspec.Struct, frozen=True):
    messages: list[dict[str, Any]]
    chat_template_kwargs: dict[str, Any] = msgspec.field(default_factory=dict)


class _Tokenize(msgspec.Struct, frozen=True):
    content: str
    parse_special: bool
    add_special: bool


class Model:
    """The loaded model as requests see it: texts on one thread, writing on another."""

    def __init__(self, texts: Texts, writer: Writer) -> None:
        self._texts = texts
        self._writer = writer
        # One thread for ever: some back ends keep state for each thread.
        self._writing = _one_thread()
        self._reading = _one_thread()

    async def answer(self, path: str, body: bytes) -> object:
        """Return what `/apply-template` or `/tokenize` answers."""
        work = self._template if path == "/apply-template" else self._tokenize
        return await asyncio.get_running_loop().run_in_executor(self._reading, work, body)

    def _template(self, body: bytes) -> object:
        asked = msgspec.json.decode(body, type=_Template)
        return {"prompt": self._texts.render(asked.messages, asked.chat_template_kwargs)}

    def _tokenize(self, body: bytes) -> object:
        asked = msgspec.json.decode(body, type=_Tokenize)
        ids = self._texts.tokenize(asked.content, special=asked.parse_special, whole=asked.add_special)
        return {"tokens": ids}

    async def complete(self, body: bytes, receive: Receive, send: Send) -> None:
        """Stream what is written, until it ends or the reader leaves."""
        choice, wish = msgspec.json.decode(body, type=Choice), msgspec.json.decode(body, type=Wish)
        wish = msgspec.structs.replace(wish, choice=choice)
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        cancelled = threading.Event()
        loop = asyncio.get_running_loop()

        def emit(event: dict[str, Any] | None) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        working = loop.run_in_executor(self._writing, self._write, wish, emit, cancelled)
        leaving = asyncio.create_task(_left(receive))
        leaving.add_done_callback(lambda _: cancelled.set())
        try:
            await send(_head(200, b"text/event-stream"))
            while (event := await events.get()) is not None:
                data = b"data: " + msgspec.json.encode(event) + b"\n\n"
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            cancelled.set()
            leaving.cancel()
            await asyncio.wait({working})

    def _write(
        self, wish: Wish, emit: Callable[[dict[str, Any] | None], None], cancelled: threading.Event
    ) -> None:
        """The only place that catches what a model may throw: it is told, and the engine lives on."""
        try:
            if not cancelled.is_set():
                self._writer.write(wish, emit, cancelled)
        except Cancelled:
            pass
        except MemoryError as error:
            leave(error)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            if short_of_memory(error):
                leave(error)
            emit({"error": {"message": f"{type(error).__name__}: {error}", "code": 500}})
        finally:
            emit(None)


def _one_thread() -> ThreadPoolExecutor:
    """Return an executor whose thread has started: without memory, starting one never ends (CPython 3.11)."""
    executor = ThreadPoolExecutor(max_workers=1)
    executor.submit(int).result()
    return executor


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def application(model: Model, key: str) -> Application:
    """Return the ASGI application: nothing without the key, nothing for web pages, and only these routes."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            await _admit(model, key, scope, receive, send)
        except (msgspec.DecodeError, BadRequest) as error:
            await _answer(send, 400, _error(str(error), 400))
        except MemoryError as error:
            leave(error)

    return app


async def _admit(model: Model, key: str, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    path = scope["path"]
    if status := _refusal(scope, key):
        await _answer(send, status, _error("no", status))
    elif scope["method"] != "POST" or path not in ROUTES:
        await _answer(send, 404, _error("there is no such route", 404))
    elif (body := await _body(receive)) is None:
        await _answer(send, 413, _error("that is too much", 413))
    elif path == "/completion":
        await model.complete(body, receive, send)
    else:
        await _answer(send, 200, await model.answer(path, body))


def _refusal(scope: dict[str, Any], key: str) -> int | None:
    """Return the status for who may not ask at all; None for the parent."""
    shown = [value for name, value in scope["headers"] if name == b"authorization"]
    right = len(shown) == 1 and hmac.compare_digest(shown[0], b"Bearer " + key.encode())
    if not right:
        return 401
    return 403 if any(name == b"origin" for name, _ in scope["headers"]) else None


async def _body(receive: Receive) -> bytes | None:
    body = b""
    while len(body) <= MOST_BYTES:
        event = await receive()
        body += bytes(event.get("body", b""))
        if not event.get("more_body"):
            return body
    return None


def _head(status: int, kind: bytes) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}


async def _answer(send: Send, status: int, answer: object) -> None:
    # json and not msgspec: half a surrogate pair from a template must not end the answer.
    await send(_head(status, b"application/json"))
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def _error(message: str, status: int) -> object:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "code": status, "type": kind}}
