"""From an error's code to its HTTP status and the one JSON envelope. Only this module knows both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fireside import errors
from fireside.errors import FiresideError

log = logging.getLogger(__name__)

SEE_LOG = "its log says why: logs/server.log in the folder that `fireside status` names"
STATUS: dict[type[FiresideError], int] = {
    errors.BadRequest: 400,
    errors.TooLarge: 413,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.ModelDamaged: 422,
    errors.AnswerInvalid: 422,
    errors.DownloadFailed: 502,
    errors.ConfigError: 400,
    errors.StoreFull: 507,
    errors.StoreBusy: 503,
    errors.StoreError: 500,
    errors.TooBusy: 429,
    errors.EngineError: 503,
    errors.RemoteRefused: 502,
    errors.AlreadyRunning: 409,
    errors.ServerUnavailable: 503,
    FiresideError: 500,
}
TYPES = {
    400: "invalid_request",
    401: "authentication_error",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    429: "rate_limit_exceeded",
}


class Envelope(msgspec.Struct, frozen=True):
    """OpenAI's error shape, and a hint."""

    code: str
    message: str
    type: str
    param: str | None = None
    hint: str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: Envelope


def status_of(error: FiresideError) -> int:
    """Return the HTTP status of an error: that of the nearest class which has one."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def error_body(error: FiresideError, status: int) -> bytes:
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request")
    return msgspec.json.encode(
        ErrorAnswer(Envelope(error.code, error.message, kind, error.param, error.hint))
    )


_dialects: dict[str, Callable[[FiresideError, int], bytes]] = {}


def tell_errors(prefix: str, body_of: Callable[[FiresideError, int], bytes]) -> None:
    """Let routes below `prefix` tell errors in the shape that their clients know."""
    _dialects[prefix] = body_of


def body_at(path: str, error: FiresideError, status: int) -> bytes:
    """Return the body that tells `error` to a client of `path`."""
    spoken = (body_of for prefix, body_of in _dialects.items() if path.startswith(prefix))
    return next(spoken, error_body)(error, status)


_endings: dict[str, Callable[[FiresideError], bytes]] = {}


def tell_endings(prefix: str, event_of: Callable[[FiresideError], bytes]) -> None:
    """Let streams below `prefix` end with an event, or a line, that tells why."""
    _endings[prefix] = event_of


def event_at(path: str, error: FiresideError) -> bytes | None:
    """Return what tells `error` to the client of a stream that has begun; None where nothing can."""
    spoken = [prefix for prefix in _endings if path.startswith(prefix)]
    return _endings[max(spoken, key=len)](error) if spoken else None


def message_of(error: FiresideError) -> str:
    """Return the message, with the field at fault for shapes that have no place for it."""
    if error.param is None or error.param in error.message:
        return error.message
    return f"{error.param}: {error.message}"


def error_answer(error: FiresideError, path: str = "", *, unseen: Sequence[str] = ()) -> Response:
    """Return the answer that tells `error` to a client of `path`, but for the `unseen` folders in it."""
    status = status_of(error)
    body = body_at(path, error, status)
    for folder in unseen:
        body = body.replace(msgspec.json.encode(folder)[1:-1], "…".encode())
    return Response(body, status, headers_of(error, status), media_type="application/json")


def headers_of(error: FiresideError, status: int) -> dict[str, str]:
    """Return the headers that belong to an error's answer, whatever envelope its body has."""
    if status == 401:
        return {"www-authenticate": "Bearer"}
    if status in (429, 503):
        return {"retry-after": str(getattr(error, "retry_after_s", 1))}
    return {}


def install(api: FastAPI, unseen_by: Callable[[Request], Sequence[str]]) -> None:
    """Make every error of `api` answer in the envelope, without the folders that are `unseen_by` who asks."""

    @api.exception_handler(FiresideError)
    async def known(request: Request, error: FiresideError) -> Response:
        return error_answer(error, request.url.path, unseen=unseen_by(request))

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = str(first["loc"][-1])
        return error_answer(errors.BadRequest(f"{field}: {first['msg']}", param=field), request.url.path)

    @api.exception_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> Response:
        return error_answer(errors.BadRequest("the request broke off"))

    @api.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        known_as: FiresideError = errors.BadRequest(str(error.detail))
        if error.status_code == 404:
            known_as = errors.NotFound(f"there is no {request.url.path}", hint="see /openapi.json")
        body = body_at(request.url.path, known_as, error.status_code)
        return Response(body, error.status_code, dict(error.headers or {}), media_type="application/json")

    @api.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        failed = FiresideError("something went wrong inside the server", hint=SEE_LOG)
        return error_answer(failed, request.url.path)
