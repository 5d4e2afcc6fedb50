"""The system's keyring, asked as pip asks it: by its command, and only where that is installed.

The library itself isn't imported: its backends load half a desktop, and may wait for a person's answer.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys

TIMEOUT_S = 60.0
"""a person may have to unlock it"""


async def password(service: str, user: str) -> str | None:
    """Return the password that is kept for `user` of `service`; None where there is none, or no keyring."""
    command = _command()
    return await _run(*command, "get", service, user) if command else None


def installed() -> bool:
    """Return whether there is a keyring to ask."""
    return _command() is not None


def _command() -> tuple[str, ...] | None:
    if found := shutil.which("keyring"):
        return (found,)
    return (sys.executable, "-m", "keyring") if importlib.util.find_spec("keyring") else None


async def _run(*command: str) -> str | None:
    """Return what the command prints, or None when it fails or doesn't end."""
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(*command, stdin=none, stdout=pipe, stderr=none)
    try:
        output, _ = await asyncio.wait_for(child.communicate(), TIMEOUT_S)
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return output.decode(errors="replace").strip() or None if child.returncode == 0 else None
