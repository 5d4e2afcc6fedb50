"""What the hub says of a model, read as something that anybody may have written: bounded and typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from fireside.language_names import is_language

MAX_FILES = 4_000
MAX_TAGS = 400
MAX_COUNT = 1 << 50
"""more parameters, bytes or downloads than anything has"""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_TAG = re.compile(r"[\w.+:/ -]{1,200}", re.ASCII)


class Listed(msgspec.Struct, frozen=True):
    """One model of the hub. None and empty where it doesn't say."""

    name: str
    """`owner/repository`"""
    tags: tuple[str, ...] = ()
    task: str | None = None
    files: tuple[str, ...] = ()
    sizes: Mapping[str, int] = {}
    """bytes of files, by their names"""
    gated: bool = False
    parameters: int | None = None
    context_length: int | None = None
    architecture: str | None = None
    has_template: bool | None = None
    downloads: int | None = None
    likes: int | None = None
    updated_at: int | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages that its card names, as tags."""
        return tuple(tag for tag in self.tags if is_language(tag))

    @property
    def licence(self) -> str | None:
        """Return the licence that its card names, as the hub writes it."""
        return next((tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")), None)


def listed(info: Any) -> Listed | None:
    """Return what the client's `ModelInfo` says; None for what has no name, or is nobody's to have."""
    name = getattr(info, "id", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or info.private or info.disabled:
        return None
    return said_of(info)


def said_of(info: Any) -> Listed:
    """Return what the client's `ModelInfo` says of a model that has a name."""
    gguf = info.gguf if isinstance(info.gguf, dict) else {}
    files, sizes = _files(info.siblings)
    return Listed(
        name=info.id,
        tags=_tags(info.tags),
        task=_tags([info.pipeline_tag])[0] if _tags([info.pipeline_tag]) else None,
        files=files,
        sizes=sizes,
        gated=info.gated not in (None, False),
        parameters=_count(gguf.get("total")) or _count(getattr(info.safetensors, "total", None)),
        context_length=_count(gguf.get("context_length")),
        architecture=next(iter(_tags([gguf.get("architecture")])), None),
        has_template=bool(gguf.get("chat_template")) if gguf else None,
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        updated_at=_milliseconds(info.last_modified),
    )


def _files(siblings: Any) -> tuple[tuple[str, ...], dict[str, int]]:
    if not isinstance(siblings, list):
        return (), {}
    named = [(one.rfilename, one.size) for one in siblings[:MAX_FILES] if _is_path(one.rfilename)]
    sizes = {name: count for name, size in named if (count := _count(size)) is not None}
    return tuple(name for name, _size in named), sizes


def _is_path(name: Any) -> bool:
    """Return whether this is a file's name that can be shown and asked for."""
    return isinstance(name, str) and 0 < len(name) <= 300 and name.isprintable() and ".." not in name


def _tags(tags: Any) -> tuple[str, ...]:
    if not isinstance(tags, list):
        return ()
    return tuple(tag for tag in tags[:MAX_TAGS] if isinstance(tag, str) and _TAG.fullmatch(tag))


def _count(value: Any) -> int | None:
    """
    >>> _count(7), _count(-1), _count(True), _count("7"), _count(10**30)
    (7, None, None, None, None)
    """
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < MAX_COUNT else None


def _milliseconds(moment: Any) -> int | None:
    return round(moment.timestamp() * 1000) if isinstance(moment, datetime) else None
