"""What other programs call their models: `ollama:llama3.2:1b`, `lmstudio:publisher/model/file.gguf`.

A name becomes a path inside a program's folder, so nothing in it may lead out of there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fireside.errors import BadReference

REGISTRY, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
"""what Ollama fills in where a name leaves it open (types/model/name.go)"""
_PART = re.compile(r"[A-Za-z0-9_](?:[\w.-]{0,126}\w)?", re.ASCII)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


def ollama_parts(name: str) -> tuple[str, str, str, str]:
    """Return host, namespace, model and tag of Ollama's `[host/][namespace/]model[:tag]`.

    >>> ollama_parts("llama3.2")
    ('registry.ollama.ai', 'library', 'llama3.2', 'latest')
    """
    path, _colon, tag = name.partition(":")
    parts = path.split("/")
    if len(parts) > 3:
        raise _bad(name, "ollama:llama3.2:1b")
    host, namespace, model = (*(REGISTRY, NAMESPACE)[: 3 - len(parts)], *parts)
    found = (host, namespace, model, tag or TAG)
    if any(not _PART.fullmatch(part) or ".." in part for part in found) or name.endswith(":"):
        raise _bad(name, "ollama:llama3.2:1b")
    return found


def ollama_name(host: str, namespace: str, model: str, tag: str) -> str:
    """Return the shortest name that means the same model; the tag is always in it.

    >>> ollama_name("registry.ollama.ai", "library", "llama3.2", "latest")
    'llama3.2:latest'
    """
    if host != REGISTRY:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == NAMESPACE else f"{namespace}/{model}:{tag}"


def _ollama(name: str) -> str:
    return ollama_name(*ollama_parts(name))


def _inside(example: str) -> Callable[[str], str]:
    """Return a parser of paths inside a program's folder."""

    def parse(name: str) -> str:
        parts = name.split("/")
        if _FORBIDDEN.search(name) or any(not part.strip() or part in (".", "..") for part in parts):
            raise _bad(name, example)
        return name

    return parse


def hub_parts(name: str) -> tuple[str, str | None]:
    """Return the repository and the file in it that `owner/model[:file]` names.

    >>> hub_parts("Qwen/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q8_0.gguf")
    ('Qwen/Qwen3-0.6B-GGUF', 'Qwen3-0.6B-Q8_0.gguf')
    """
    repository, colon, file = name.partition(":")
    parts = repository.split("/")
    if len(parts) > 2 or any(not _PART.fullmatch(part) or ".." in part or "--" in part for part in parts):
        raise _bad(name, "hf-cache:owner/model")
    return repository, _inside("hf-cache:owner/model:file.gguf")(file) if colon else None


def _hub(name: str) -> str:
    repository, file = hub_parts(name)
    return f"{repository}:{file}" if file else repository


def _bad(name: str, example: str) -> BadReference:
    return BadReference(f"{name!r} is no name of a model there", hint=f"write {example}", param="model")


STORED: dict[str, Callable[[str], str]] = {
    "ollama": _ollama,
    "lmstudio": _inside("lmstudio:publisher/model/file.gguf"),
    "jan": _inside("jan:model"),
    "gpt4all": _inside("gpt4all:file.gguf"),
    "hf-cache": _hub,
}
