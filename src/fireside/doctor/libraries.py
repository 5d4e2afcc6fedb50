"""Whether the libraries are there that Fireside was installed with."""

from __future__ import annotations

import importlib.metadata
import re
import sqlite3
import sys
from collections.abc import Iterator

from fireside import __version__
from fireside.doctor import Examined
from fireside.doctor.findings import Finding, problem, said, well

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OPTIONAL = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
DEVELOPERS = "dev"


def check_libraries(who: Examined) -> Iterator[Finding]:
    missing: dict[str, list[str]] = {}
    extras: dict[str, bool] = {}
    for requirement in importlib.metadata.requires("fireside") or ():
        name = _NAME.match(requirement)
        extra = _OPTIONAL.search(requirement)
        if name is None or (extra and extra.group(1) == DEVELOPERS):
            continue
        version = _version(name.group())
        if extra:
            extras[extra.group(1)] = extras.get(extra.group(1), True) and version is not None
        elif version is None and _is_for_here(requirement):
            missing.setdefault("", []).append(name.group())
    if missing:
        yield problem(
            "libraries",
            said("libraries are missing: {names}", names=", ".join(missing[""])),
            said("install Fireside anew: pip install --force-reinstall fireside"),
        )
    python = ".".join(map(str, sys.version_info[:3]))
    yield well(
        "libraries",
        said(
            "Fireside {version}, Python {python}, SQLite {sqlite}",
            version=__version__,
            python=python,
            sqlite=sqlite3.sqlite_version,
        ),
    )
    for part, is_here in extras.items():
        what = (
            said("the extra part “{extra}” is installed", extra=part)
            if is_here
            else said("the extra part “{extra}” is not installed", extra=part)
        )
        yield well("libraries", what)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_for_here(requirement: str) -> bool:
    """Return whether a requirement holds on this system; the few that name one do it by `sys_platform`."""
    named = re.search(r"sys_platform\s*(==|!=)\s*['\"](\w+)['\"]", requirement)
    return named is None or (named.group(1) == "==") == (named.group(2) == sys.platform)
