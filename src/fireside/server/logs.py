"""Logs as JSON lines on standard error. Nobody's words are in them, nor keys, titles or query strings.

Of an exception the kind and the places in the code are written, not its message: that may quote what
somebody said.
"""

from __future__ import annotations

import datetime
import json
import logging
import traceback
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType

PLACES = 12
"""How many of an exception's last places in the code are written."""
CHATTY = ("httpx", "httpcore")
"""They write whole addresses, query strings too."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
requests = logging.getLogger("fireside.requests")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if identity := request_id.get():
            line["id"] = identity
        if fields := getattr(record, "fields", None):
            line |= fields
        else:
            line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _places(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False)


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-PLACES:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def begin(level: str) -> None:
    """Write what is worth `level` or more to standard error from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def write_request(
    method: str, route: str, status: int, spent_ms: float, caller: str | None, *, failed: bool
) -> None:
    """Write the one line of a request."""
    level = logging.WARNING if failed else logging.INFO
    if requests.isEnabledFor(level):
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(spent_ms, 1),
            "caller": caller,
        }
        requests.log(level, "request", extra={"fields": fields})
