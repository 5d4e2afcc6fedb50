"""The person's pip configuration, read as pip reads it, whether or not pip is installed.

Files and their order: pip's documentation, "Configuration", and `get_configuration_files` in
pip/_internal/configuration.py: global, user, site, `PIP_CONFIG_FILE`; `[global]` before
`[download]`; `PIP_…` variables last, each replacing what came before. uv's variables fill in what
pip's leave open, so that a machine that only has uv is understood as well.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from fireside.errors import ConfigError

DEFAULT_INDEX = "https://pypi.org/simple"
DEFAULT_TIMEOUT_S = 15.0
DEFAULT_RETRIES = 4
MAX_RETRIES = 20
SECTIONS = ("global", "download")
Number = TypeVar("Number", int, float)

HINT = "correct that setting; `pip config debug` shows where it stands"


class PipConfiguration(msgspec.Struct, frozen=True):
    """Where packages come from, and how to get there. URLs may carry credentials."""

    indexes: tuple[str, ...] = (DEFAULT_INDEX,)
    find_links: tuple[str, ...] = ()
    proxy: str | None = None
    certificates: Path | None = None
    client_certificate: Path | None = None
    trusted_hosts: tuple[str, ...] = ()
    timeout_s: float = DEFAULT_TIMEOUT_S
    retries: int = DEFAULT_RETRIES
    keyring: bool = True


def read_pip_configuration(
    environ: Mapping[str, str], *, prefix: Path = Path(sys.prefix)
) -> PipConfiguration:
    """Return what the files and variables of this person say; ConfigError for what can't be read."""
    written: dict[str, str] = {}
    files = list(_files(environ, prefix))
    for section in SECTIONS:
        for values in files:
            written.update(values.get(section, {}))
    written.update(_variables(environ))
    offline = _is_on(written.get("no-index"))
    return PipConfiguration(
        indexes=() if offline else _indexes(written, environ),
        find_links=_list(written, "find-links") or _words(environ, "UV_FIND_LINKS", ","),
        proxy=written.get("proxy") or None,
        certificates=_path(
            written.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
        ),
        client_certificate=_path(written.get("client-cert")),
        trusted_hosts=_list(written, "trusted-host"),
        timeout_s=_number(written, "timeout", float, DEFAULT_TIMEOUT_S),
        retries=min(_number(written, "retries", int, DEFAULT_RETRIES), MAX_RETRIES),
        keyring=written.get("keyring-provider") != "disabled",
    )


def _indexes(written: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return every index once, in the order in which they are asked."""
    first = written.get("index-url") or _uv_index(environ) or DEFAULT_INDEX
    more = _list(written, "extra-index-url") or (
        *_words(environ, "UV_INDEX"),
        *_words(environ, "UV_EXTRA_INDEX_URL"),
    )
    return tuple(dict.fromkeys([first, *(_unnamed(index) for index in more)]))


def _uv_index(environ: Mapping[str, str]) -> str | None:
    index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    return _unnamed(index) if index else None


def _unnamed(index: str) -> str:
    """Return an index without the name that uv lets it have.

    >>> _unnamed("company=https://packages.example/simple")
    'https://packages.example/simple'
    """
    return re.sub(r"^[A-Za-z0-9_-]+=", "", index)


def _files(environ: Mapping[str, str], prefix: Path) -> Iterator[dict[str, dict[str, str]]]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    for path in _paths(environ, prefix, chosen):
        if path.is_file():
            yield _read(path)


def _paths(environ: Mapping[str, str], prefix: Path, chosen: str | None) -> Iterator[Path]:
    yield from _global_paths(environ)
    if not (chosen and Path(chosen).exists()):
        yield from _user_paths(environ)
    yield prefix / _file_name()
    if chosen:
        yield Path(chosen)


def _file_name() -> str:
    return "pip.ini" if os.name == "nt" else "pip.conf"


def _global_paths(environ: Mapping[str, str]) -> Iterator[Path]:
    if os.name == "nt":
        yield Path(environ.get("PROGRAMDATA", "C:\\ProgramData")) / "pip" / "pip.ini"
        return
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
        return
    folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    yield from (Path(folder) / "pip" / "pip.conf" for folder in folders if folder)
    yield Path("/etc/pip.conf")


def _user_paths(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME") or Path.home())
    if os.name == "nt":
        yield home / "pip" / "pip.ini"
        yield Path(environ.get("APPDATA", home / "AppData" / "Roaming")) / "pip" / "pip.ini"
        return
    yield home / ".pip" / "pip.conf"
    mac = home / "Library" / "Application Support" / "pip"
    if sys.platform == "darwin" and mac.is_dir():
        yield mac / "pip.conf"
    else:
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"


def _read(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"pip's configuration {path} can't be read: {reason}",
            hint="`pip config debug` shows what pip reads",
        ) from error
    return {
        section: {_key(name): value for name, value in parser.items(section)} for section in parser.sections()
    }


def _key(name: str) -> str:
    """Return pip's one name of an option.

    >>> _key("Index_URL"), _key("default-timeout")
    ('index-url', 'timeout')
    """
    key = name.lower().replace("_", "-").removeprefix("--")
    return "timeout" if key == "default-timeout" else key


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        _key(name.removeprefix("PIP_")): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value and name != "PIP_CONFIG_FILE"
    }


def _list(written: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(written.get(key, "").split())


def _words(environ: Mapping[str, str], name: str, separator: str | None = None) -> tuple[str, ...]:
    words = environ.get(name, "").split(separator)
    return tuple(word.strip() for word in words if word.strip())


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _is_on(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "yes", "on", "y", "t"}


def _number(
    written: Mapping[str, str], key: str, convert: Callable[[str], Number], default: Number
) -> Number:
    text = written.get(key)
    if not text:
        return default
    try:
        number = convert(text)
    except ValueError:
        number = convert("-1")
    if number < 0:
        raise ConfigError(f"pip's {key} is {text!r}, not a number", hint=HINT)
    return number
