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
from typing import Any, BinaryIO, TypeVar

import msgspec

from fireside.cards import Pooling
from fireside.errors import ModelDamaged, ModelNotFound
from fireside.models.dimensions import Dimensions, dimensions_of
from fireside.models.foreign import Damaged, shown
from fireside.models.gguf_cursor import (
    MAX_HEADER_BYTES,
    Cursor,
    MoreNeeded,
    Tensors,
    Values,
    read_tensors,
    read_values,
)
from fireside.models.gguf_types import FILE_TYPES
from fireside.models.lookalikes import seems_to_be
from fireside.models.tensors import Tensor, TensorGroup

Parsed = TypeVar("Parsed")

MAGIC = b"GGUF"
PART_TYPES = ("adapter.type", "clip.vision.projector_type", "clip.projector_type")
VERSIONS = (2, 3)
FIRST_READ_BYTES = 12 << 20
"""room for the vocabularies of today's models; a header that needs more is parsed once more"""
REMEMBERED = 512
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
    kind: str
    """`model`, or which part of one it is: `mmproj` (a projector, which lets a model see), `adapter`, …"""
    part_type: str | None
    """of a part: `lora`, or what kind of projector it is"""
    architecture: str
    """empty for the later files of several, which leave it to the first"""
    name: str | None
    elements: int
    """of the tensors in this file"""
    tensors: int
    parameters: int | None
    """as it says itself; one file of several can only repeat what it was told"""
    quantization: str | None
    context_length: int | None
    """tokens"""
    licence: str | None
    licence_link: str | None
    languages: tuple[str, ...]
    hints: tuple[str | None, ...]
    """names and tags that may tell what the model was trained for"""
    has_template: bool
    reasons: bool
    """whether its template lets one choose that it thinks before it answers"""
    takes_tools: bool
    """whether its template writes what functions there are"""
    tokenizer: str | None
    vocabulary: int | None
    """tokens"""
    dimensions: Dimensions
    groups: tuple[TensorGroup, ...]
    """its weights by format and use; of this file alone, where they lie in several"""
    pooling: Pooling | None
    """None for a model that writes"""
    embedding_length: int | None
    """numbers in one embedding, or in what it computes for each token"""
    recommended: tuple[tuple[str, float], ...]
    """sampling that its makers recommend, by llama.cpp's names"""
    has_vision: bool
    """whether a projector's tensors are in it"""
    projects_to: int | None
    """numbers in what a projector makes of a piece of a picture"""
    split_number: int
    """which of several files it is, from 0"""
    split_count: int
    split_tensors: int | None
    """in all of them"""


def read_header(path: Path) -> Header:
    """Return what the GGUF file at `path` says about itself, remembered while the file stays the same.

    ModelNotFound where there is no readable file, ModelDamaged for anything but a sound GGUF file. It may
    be a part of a model: `kind` and `split_count` tell.
    """
    try:
        if not path.is_file():
            raise _missing(path)
        status = path.stat()
        return _header(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelNotFound(
            f"{path} can't be read: {reason}", hint="make the file readable for you, or name another"
        ) from error


def read_tensor_table(path: Path) -> tuple[Values, tuple[Tensor, ...]]:
    """Return the values and each tensor of one GGUF file; raises what `read_header` does."""
    read_header(path)
    with path.open("rb") as file:
        values, tensors, _ = _read(path, file, path.stat().st_size, _parse)
    return values, tensors.each


@functools.lru_cache(maxsize=REMEMBERED)
def _header(path: Path, size: int, mtime_ns: int) -> Header:
    with path.open("rb") as file:
        return _read(path, file, size, _parse_header)


def _missing(path: Path) -> ModelNotFound:
    if path.is_dir():
        return ModelNotFound(f"{path} is a folder", hint="name the .gguf file inside it")
    if path.exists():
        return ModelNotFound(f"{path} is not a regular file", hint="name a .gguf file")
    return ModelNotFound(f"there is no file {path}", hint="check the path; it names one .gguf file")


def _read(path: Path, file: BinaryIO, size: int, parse: Callable[[bytes, int], Parsed]) -> Parsed:
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


def _parse(data: bytes, size: int) -> tuple[Values, Tensors, dict[str, Any]]:
    """Return the values, the tensors, and what is known of the header itself."""
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
    tensors = read_tensors(
        cursor,
        tensor_count,
        values.whole("general.alignment") or 32,
        can_be_empty=(values.whole("split.count") or 1) > 1,
    )
    sha256 = hashlib.sha256(data[: cursor.position]).hexdigest()
    return values, tensors, {"version": version, "header_sha256": sha256}


def _parse_header(data: bytes, size: int) -> Header:
    values, tensors, known = _parse(data, size)
    return _described(
        values,
        **known,
        size_bytes=size,
        elements=tensors.elements,
        tensors=tensors.count,
        groups=tensors.groups,
        has_vision=tensors.has_vision,
        split_count=values.whole("split.count") or 1,
    )


def _described(values: Values, *, split_count: int, elements: int, **read: Any) -> Header:
    split_number = values.whole("split.no") or 0
    architecture = values.text("general.architecture") or ""
    if not re.fullmatch(r"[\w.-]{1,64}", architecture) and not (split_number and not architecture):
        raise Damaged("it doesn't name its architecture")
    return Header(
        **read,
        elements=elements,
        kind=shown(values.text("general.type")) or ("mmproj" if architecture == "clip" else "model"),
        part_type=shown(next(filter(None, map(values.text, PART_TYPES)), None)),
        architecture=architecture,
        name=shown(values.text("general.name")),
        parameters=values.whole("general.parameter_count") or (elements if split_count == 1 else None),
        quantization=FILE_TYPES.get(values.whole("general.file_type") or 0)
        if "general.file_type" in values.scalars
        else None,
        context_length=values.whole(f"{architecture}.context_length"),
        licence=_licence(values),
        licence_link=shown(values.text("general.license.link")),
        languages=tuple(filter(None, map(shown, values.lists.get("general.languages", ())))),
        hints=_hints(values),
        has_template=values.has_template,
        reasons=values.reasons,
        takes_tools=values.takes_tools,
        tokenizer=_tokenizer(values),
        vocabulary=values.vocabulary,
        dimensions=dimensions_of(values, architecture),
        pooling=_pooling(values, architecture),
        embedding_length=values.whole(f"{architecture}.embedding_length_out")
        or values.whole(f"{architecture}.embedding_length"),
        recommended=_recommended(values),
        projects_to=values.whole("clip.vision.projection_dim"),
        split_number=split_number,
        split_count=split_count,
        split_tensors=values.whole("split.tensors.count"),
    )


def _licence(values: Values) -> str | None:
    """Return the licence's name; the hub calls those that it has no word for `other`."""
    short = shown(values.text("general.license"))
    return (shown(values.text("general.license.name")) or short) if short in (None, "other") else short


def _hints(values: Values) -> tuple[str | None, ...]:
    named = (values.text(f"general.{part}") for part in ("finetune", "name", "basename"))
    return (*map(shown, named), *map(shown, values.lists.get("general.tags", ())))


def _tokenizer(values: Values) -> str | None:
    """Return the kind of tokenizer, and the way in which it cuts words beforehand: `gpt2/smollm`."""
    parts = (shown(values.text(f"tokenizer.ggml.{part}")) for part in ("model", "pre"))
    return "/".join(filter(None, parts)) or None


def _recommended(values: Values) -> tuple[tuple[str, float], ...]:
    prefix = "general.sampling."
    return tuple(
        (key.removeprefix(prefix), value)
        for key, value in values.scalars.items()
        if key.startswith(prefix) and not isinstance(value, str)
    )


def _pooling(values: Values, architecture: str) -> Pooling | None:
    told = POOLINGS.get(values.whole(f"{architecture}.pooling_type") or 0)
    return told or ("mean" if architecture in ENCODERS else None)


__all__ = ["FIRST_READ_BYTES", "MAX_HEADER_BYTES", "Header", "read_header"]
