"""The clipboard: a program of the system where there is one, else the terminal itself."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
from collections.abc import Mapping

from fireside.cli.chat.screen import Screen
from fireside.cli.languages import _
from fireside.errors import Conflict

OSC52_BYTES = 74_994
"""What the strictest of the common terminals take (xterm's limit of 100,000 signs in base64)."""


def program(environ: Mapping[str, str]) -> list[str] | None:
    """Return the command that fills the clipboard of this machine's own screen, if there is one.

    Over a remote connection it would be the clipboard of the wrong machine.
    """
    if environ.get("SSH_CONNECTION"):
        return None
    candidates = {
        "darwin": [["pbcopy"]],
        "win32": [["clip"]],
    }.get(sys.platform, [])
    if environ.get("WAYLAND_DISPLAY"):
        candidates = [["wl-copy"], *candidates]
    if environ.get("DISPLAY"):
        candidates = [*candidates, ["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    return next((command for command in candidates if shutil.which(command[0])), None)


async def copy_text(text: str, screen: Screen) -> str | None:
    """Copy `text`; return the program's name, None when the terminal was asked (which answers nothing)."""
    command = program(os.environ)
    if command and await _fed(command, text.encode()):
        return command[0]
    if not screen.draws:
        raise Conflict(_("there is no clipboard here"), hint=_("/export writes the conversation to a file"))
    if len(text.encode()) > OSC52_BYTES:
        raise Conflict(
            _("the reply is too long for this clipboard"), hint=_("/export writes the conversation to a file")
        )
    screen.write(osc52(text))
    return None


def osc52(text: str) -> str:
    """Return the control sequence that asks a terminal to copy `text` (xterm's ctlseqs, OSC 52).

    >>> osc52("hi") == chr(27) + "]52;c;aGk=" + chr(7)
    True
    """
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


async def _fed(command: list[str], data: bytes) -> bool:
    nothing = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=nothing, stderr=nothing
    )
    await process.communicate(data)
    return process.returncode == 0
