"""The server as a process in the background: detached from the terminal, its words in a log file."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from fireside.client.defaults import absolute_reference
from fireside.errors import FiresideError, ServerUnavailable, from_code
from fireside.runtime import Runtime
from fireside.settings import Home

LOG_LIMIT_BYTES = 1_000_000
"""A log that is larger when a server starts is put aside, in the place of the one before."""
SERVE = ("serve", "--started-by", "command")
_LAST_LINES = 8
_running: list[subprocess.Popen[bytes]] = []
"""Kept so that an ended server is reaped."""


@atexit.register
def _let_go() -> None:
    """A server outlives the program that started it: that is no leak for Python to warn about."""
    for child in _running:
        if child.poll() is None:
            child.returncode = 0


class LastWords(msgspec.Struct, frozen=True):
    """Why a background server couldn't start: the last line it writes, for the command that started it."""

    pid: int
    code: str
    message: str
    hint: str | None = None

    @classmethod
    def of(cls, error: FiresideError) -> LastWords:
        return cls(os.getpid(), error.code, error.message, error.hint)


class Background:
    """A server that was started and may not answer yet."""

    def __init__(
        self, home: Home, environ: Mapping[str, str] = os.environ, *, asks: str | None = None
    ) -> None:
        """Start it. The process ids of `_running` are looked after here, so nobody needs to wait for it."""
        loading = () if asks is None else ("--load", asks)
        _running[:] = [child for child in _running if child.poll() is None]
        self._log = home.logs / "server.log"
        descriptor = _open_log(self._log)
        self._log_start = self._log.stat().st_size
        try:
            self._child = subprocess.Popen(
                # -P: a file in the folder where the command was typed must not be taken for a module.
                [*(sys.executable, "-P", "-m", "fireside"), *SERVE, *loading],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=home.data,
                env=_environment(home, environ),
                **_detached(),
            )
        finally:
            os.close(descriptor)
        _running.append(self._child)

    @property
    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def is_surplus(self, running: Runtime) -> bool:
        """Return whether `running` is another server than this one; on Windows that can't be told by ids."""
        return sys.platform != "win32" and running.pid != self._child.pid

    def end(self) -> None:
        """End it: it would take the home over as soon as the server that was faster leaves."""
        self._child.terminate()

    @property
    def log_bytes(self) -> int:
        """How much it has said: a sign of life."""
        return self._log.stat().st_size - self._log_start

    def failure(self) -> FiresideError:
        """Return why it ended: its own last words, or the end of its log."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            lines = file.read().decode("utf-8", errors="replace").splitlines()
        for line in reversed(lines):
            with suppress(msgspec.MsgspecError):
                said = msgspec.json.decode(line, type=LastWords)
                if said.pid == self._child.pid:
                    return from_code(said.code, said.message, hint=said.hint)
        return ServerUnavailable(
            f"the server ended with {self._child.returncode} while it was starting",
            hint="\n".join([f"its last words, from {self._log}:", *lines[-_LAST_LINES:]]),
        )


def _open_log(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _environment(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with relative paths made absolute, for the server runs in another folder."""
    given = dict(environ)
    if given.get("FIRESIDE_HOME"):
        given["FIRESIDE_HOME"] = str(home.data)
    if given.get("FIRESIDE_DATABASE"):
        given["FIRESIDE_DATABASE"] = str(Path(given["FIRESIDE_DATABASE"]).expanduser().absolute())
    if given.get("FIRESIDE_MODEL"):
        given["FIRESIDE_MODEL"] = absolute_reference(given["FIRESIDE_MODEL"])
    if given.get("PYTHONPATH"):
        folders = given["PYTHONPATH"].split(os.pathsep)
        given["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    return given


def _detached() -> dict[str, Any]:
    """Return how a process is kept out of reach of the terminal's Ctrl-C and of its closing."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
