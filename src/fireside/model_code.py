"""Code that a model's folder brings: which files it is, and where it says that it would be run.

Nothing here runs or imports any of it. Used where trust is asked for and, once more, in the engine's process
before the code is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from fireside.errors import ModelDamaged

MOST_FILES = 500
MOST_BYTES = 8 << 20
"""of one file"""
_OWN_PLACE = re.compile(r"\w[\w-]*(/\w[\w-]*)*\.\w+")
"""a module of the folder and a class in it; transformers would take any path, a whole one too"""


Looks = tuple[tuple[Path, int, int, int], ...]
"""code as it looks from outside: paths, sizes, when each file was changed, and when that was said"""


def code_in(folder: Path) -> dict[str, str]:
    """Return each Python file below `folder` and its SHA-256.

    ModelDamaged for what can't be told apart from other code: a folder that is a link, or too much of it.
    """
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _files_of_code(folder)
    }


def looks_in(folder: Path) -> Looks:
    """Return how that code looks, without reading it; ModelDamaged as `code_in`."""
    told = ((path, path.stat()) for path in _files_of_code(folder))
    return tuple((path, status.st_size, status.st_mtime_ns, status.st_ctime_ns) for path, status in told)


def _files_of_code(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, files in os.walk(folder):
        for name in folders:
            if Path(place, name).is_symlink():
                raise _unclear(folder, f"{name} is a link to another folder")
        for name in sorted(files):
            if not name.endswith((".py", ".pyc", ".so", ".pyd")):
                continue
            path = Path(place, name)
            if not name.endswith(".py"):
                raise _unclear(folder, f"{name} is compiled code, which nobody can read")
            if not path.is_file():  # a pipe, or a link to a device, would be read for ever
                raise _unclear(folder, f"{name} is no regular file")
            count += 1
            if count > MOST_FILES or path.stat().st_size > MOST_BYTES:
                raise _unclear(folder, "it brings more code than anybody would read")
            yield path


def named_in(folder: Path) -> dict[str, str]:
    """Return what the folder's files name as code of its own, by what it is for (their `auto_map`).

    ModelDamaged where they name code of another place, which nobody could have looked at here.
    """
    named: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith("config.json") and path.stat().st_size <= MOST_BYTES:
            named |= _auto_map(folder, path)
    return named


def _auto_map(folder: Path, path: Path) -> dict[str, str]:
    try:
        told = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    listed = told.get("auto_map") if isinstance(told, dict) else None
    if not isinstance(listed, dict):
        return {}
    named = {str(what): _text(place) for what, place in listed.items()}
    if foreign := next((place for place in named.values() if not _is_own(place)), None):
        raise _unclear(folder, f"{path.name} names code of another place ({foreign[:100]})")
    return named


def _is_own(places: str) -> bool:
    return "--" not in places and all(map(_OWN_PLACE.fullmatch, filter(None, places.split(", "))))


def _text(place: object) -> str:
    """Some name two classes, a slow and a fast one."""
    return ", ".join(str(one) for one in place if one) if isinstance(place, list) else str(place)


def _unclear(folder: Path, why: str) -> ModelDamaged:
    return ModelDamaged(
        f"the code in {folder} can't be trusted: {why}",
        hint="choose another model; one in GGUF brings no code",
    )
