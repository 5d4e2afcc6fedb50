"""A small, bounded reader of GGUF headers: what a model file says about itself.

The file comes from anywhere, so every count and length is checked before it is used, long
arrays are stepped over and never kept, and the tensors must lie inside the file. The bytes are
read, not mapped: a mapped file that another program cuts short would kill this process.
Format: ggml's docs/gguf.md, versions 2 and 3, little endian.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec

from fireside.cards import Pooling
from fireside.errors import ModelDamaged, ModelNotFound
from fireside.models.dimensions import Dimensions, dimensions_of
from fireside.models.gguf_cursor import (
    MAX_HEADER_BYTES,
    Cursor,
    Damaged,
    MoreNeeded,
    Values,
    read_tensors,
    read_values,
)
from fireside.models.gguf_types import FILE_TYPES
from fireside.models.lookalikes import seems_to_be

T = TypeVar("T")
MAGIC = b"GGUF"
VERSIONS = (2, 3)
FIRST_READ_BYTES = 4 << 20
MAX_SHOWN = 120
REMEMBERED = 64
POOLINGS: dict[int, Pooling] = {1: "mean", 2: "cls", 3: "last", 4: "rank"}
"""llama.cpp's `llama_pooling_type`; 0 is none"""
ENCODERS = frozenset(
    (
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llama-embed",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    )
)
"""Architectures that can't write (llama.cpp, src/llama-arch.cpp). One that doesn't say how it pools was
converted without its sentence-transformers configuration, whose own default is the mean."""


class Header(msgspec.Struct, frozen=True):
    """What a GGUF file says about itself. None where it doesn't say."""

    version: int
    size_bytes: int
    header_sha256: str
    """of everything before the tensors"""
    architecture: str
    name: str | None
    parameters: int | None
    quantization: str | None
    context_length: int | None
    """tokens"""
    licence: str | None
    languages: tuple[str, ...]
    has_template: bool
    reasons: bool
    """whether its template lets one choose that it thinks before it answers"""
    vocabulary: int | None
    """tokens"""
    dimensions: Dimensions
    pooling: Pooling | None
    """None for a model that writes"""
    embedding_length: int | None
    """numbers in one embedding, or in what it computes for each token"""


def read_header(path: Path) -> Header:
    """Return what the GGUF file at `path` says about itself, remembered while the file stays the same.

    ModelNotFound where there is no readable file, ModelDamaged for anything but a sound GGUF file.
    """
    return read_file(path, _header)


def read_file(path: Path, read: Callable[[Path, int, int], T]) -> T:
    """Return what `read` makes of a file, its size and its time; ModelNotFound where there is none."""
    try:
        if not path.is_file():
            raise _missing(path)
        status = path.stat()
        return read(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelNotFound(
            f"{path} can't be read: {reason}", hint="make the file readable for you, or name another"
        ) from error


@functools.lru_cache(maxsize=REMEMBERED)
def _header(path: Path, size: int, mtime_ns: int) -> Header:
    return parsed(path, size, _parse)


def parsed(path: Path, size: int, parse: Callable[[bytes, int], T]) -> T:
    """Return what `parse` makes of as much of the file as it needs; ModelDamaged where it can't."""
    with path.open("rb") as file:
        return _read(path, file, size, parse)


def _missing(path: Path) -> ModelNotFound:
    if path.is_dir():
        return ModelNotFound(f"{path} is a folder", hint="name the .gguf file inside it")
    if path.exists():
        return ModelNotFound(f"{path} is not a regular file", hint="name a .gguf file")
    return ModelNotFound(f"there is no file {path}", hint="check the path; it names one .gguf file")


def _read(path: Path, file: BinaryIO, size: int, parse: Callable[[bytes, int], T]) -> T:
    """Parse what is read, reading twice as much while the header goes on."""
    data = file.read(min(size, FIRST_READ_BYTES))
    try:
        while True:
            try:
                return parse(data, size)
            except MoreNeeded:
                more = file.read(len(data))
                if not more:
                    raise Damaged("the file became shorter while it was read") from None
                data += more
    except Damaged as damage:
        raise ModelDamaged(
            f"{path} can't be used as a model: {damage}", hint=damage.hint or "download the file again"
        ) from damage


class Opened(NamedTuple):
    """A header whose every bound was checked."""

    version: int
    values: Values
    elements: int
    architecture: str
    sha256: str
    """of everything before the tensors"""


def opened(data: bytes, size: int, check_purpose: Callable[[Values], None]) -> Opened:
    """Return the header that `data` begins with; Damaged, or MoreNeeded."""
    if data[:4] != MAGIC:
        raise Damaged(
            f"it is not a GGUF file, it seems to be {seems_to_be(data[:64])}",
            hint="name a .gguf file; other weights are refused unopened",
        )
    cursor = Cursor(data, size, position=4)
    version = cursor.u32()
    if version not in VERSIONS:
        raise Damaged(
            f"GGUF version {version} is not one of {VERSIONS}",
            hint="get the file in the little-endian GGUF format, version 3",
        )
    tensor_count, value_count = cursor.u64(), cursor.u64()
    values = read_values(cursor, value_count)
    check_purpose(values)
    elements = read_tensors(cursor, tensor_count, values.whole("general.alignment") or 32)
    architecture = values.text("general.architecture")
    if not architecture or not re.fullmatch(r"[\w.-]{1,64}", architecture):
        raise Damaged("it doesn't name its architecture")
    digest = hashlib.sha256(data[: cursor.position]).hexdigest()
    return Opened(version, values, elements, architecture, digest)


def _parse(data: bytes, size: int) -> Header:
    version, values, elements, architecture, header_sha256 = opened(data, size, _check_purpose)
    return Header(
        version=version,
        size_bytes=size,
        header_sha256=header_sha256,
        architecture=architecture,
        name=_shown(values.text("general.name")),
        parameters=_parameters(values, elements),
        quantization=FILE_TYPES.get(values.whole("general.file_type") or 0)
        if "general.file_type" in values.scalars
        else None,
        context_length=values.whole(f"{architecture}.context_length"),
        licence=_shown(values.text("general.license")),
        languages=tuple(filter(None, map(_shown, values.languages))),
        has_template=values.has_template,
        reasons=values.reasons,
        vocabulary=values.vocabulary,
        dimensions=dimensions_of(values, architecture),
        pooling=_pooling(values, architecture),
        embedding_length=values.whole(f"{architecture}.embedding_length_out")
        or values.whole(f"{architecture}.embedding_length"),
    )


def _check_purpose(values: Values) -> None:
    purpose = values.text("general.type")
    if purpose not in (None, "", "model"):
        raise Damaged(
            f"it carries a part ({_shown(purpose)}) and not a whole model",
            hint="name the model's own .gguf file; `fireside models alias --help` tells what parts are for",
        )


def _parameters(values: Values, elements: int) -> int | None:
    """Return the number of weights; one file of several can only repeat what it was told."""
    in_several_files = (values.whole("split.count") or 1) > 1
    return values.whole("general.parameter_count") or (None if in_several_files else elements)


def _pooling(values: Values, architecture: str) -> Pooling | None:
    told = POOLINGS.get(values.whole(f"{architecture}.pooling_type") or 0)
    return told or ("mean" if architecture in ENCODERS else None)


def _shown(text: str | None) -> str | None:
    """Return a foreign text as one short line without control characters, or None for none.

    >>> _shown("Nice\\x1b[2J  model\\n")
    'Nice [2J model'
    """
    printable = "".join(character if character.isprintable() else " " for character in (text or ""))
    return " ".join(printable.split())[:MAX_SHOWN] or None


__all__ = ["FIRST_READ_BYTES", "MAX_HEADER_BYTES", "Header", "opened", "parsed", "read_file", "read_header"]
