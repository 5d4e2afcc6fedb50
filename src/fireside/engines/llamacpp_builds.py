"""Which program the engine is: the library that came with Fireside, or a llama-server of the settings."""

from __future__ import annotations

import functools
import importlib.metadata
import stat
import sys
from pathlib import Path

from fireside.engines.llamacpp_native import build_of
from fireside.errors import EngineUnavailable
from fireside.settings import Settings

EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
COMMAND = (sys.executable, "-P", "-m", "fireside.engines.llamacpp_child")
CHANGED = "changes.txt"
"""stands beside a server that was built with Fireside's changes, and tells which"""
NATIVE = (sys.executable, "-P", "-m", "fireside.engines.llamacpp_native")
"""with the path of a server behind it"""


def command_of(settings: Settings) -> tuple[str, ...]:
    """Return the command of the engine's process; EngineUnavailable where the settings name no program."""
    if not settings.llama_server:
        return COMMAND
    path = Path(settings.llama_server).expanduser().absolute()
    if not path.is_file() or not path.stat().st_mode & EXECUTABLE:
        raise EngineUnavailable(
            f"{path} is no program that can be run",
            hint="correct `llama_server` in the settings, or leave it out",
        )
    return (*NATIVE, str(path))


def yields(settings: Settings) -> bool:
    """Return whether its threads leave their cores to others when they wait: OpenMP's, as they are told to.

    Those of a `llama-server` may be ggml's own, which look until they are ready. Elsewhere than on Linux the
    library is built without OpenMP.
    """
    return not settings.llama_server and sys.platform == "linux"


def is_changed(settings: Settings) -> bool:
    """Return whether it was built with Fireside's changes (native/changes)."""
    server = settings.llama_server
    return bool(server) and Path(server or "").expanduser().with_name(CHANGED).is_file()


def has_flash_attention(settings: Settings, tuned: bool | None) -> bool:
    """Return whether flash attention is used on the processor: as it was set or tuned, else where it is ours.

    llama.cpp's own is slower there once it looks back at much; Fireside's is faster at everything.
    """
    return is_changed(settings) if tuned is None else tuned


def leaves(settings: Settings) -> bool:
    """Return whether its threads leave by themselves while others have their cores."""
    return is_changed(settings) and sys.platform == "linux"


def build_today(settings: Settings) -> str:
    """Return what tells the engine of today from other builds, as its process tells it."""
    if not settings.llama_server:
        return _prebuilt()
    try:
        return build_of(Path(settings.llama_server).expanduser().absolute())
    except OSError:
        return "gone"


@functools.cache
def _prebuilt() -> str:
    """As the child tells it, without importing the library here."""
    return f"xllamacpp {importlib.metadata.version('xllamacpp')}"
