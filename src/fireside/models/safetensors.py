"""Reads the header of a safetensors file: how many weights, of which type; the weights stay unread.

Format: https://huggingface.co/docs/safetensors (8 bytes of length, JSON, then the tensors without holes).
"""

from __future__ import annotations

import collections
import math
from pathlib import Path
from typing import Any

import msgspec

from fireside.models.foreign import Damaged, Table, parse_table

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 16 << 20
"""a shard's header takes a hundred bytes for each tensor; the largest models have some thousand in one"""
MAX_TENSORS = 200_000
MAX_DIMENSIONS = 16
MAX_ELEMENTS = 1 << 50
BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""of one element of each type (safetensors' `Dtype`)"""


class Shard(msgspec.Struct, frozen=True):
    """One safetensors file. `elements` counts the weights of each type."""

    names: frozenset[str]
    elements: dict[str, int]
    written_for: str | None
    """the library that its metadata names: `pt`, `mlx`, …"""


def read_shard(path: Path) -> Shard:
    """Return what the file at `path` holds. Damaged where it isn't sound; may raise OSError."""
    if not path.is_file():
        raise Damaged(f"{path.name} is no regular file")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if size < LENGTH_BYTES or length > size - LENGTH_BYTES:
            raise Damaged(f"{path.name} is cut short, or no safetensors file")
        if length > MAX_HEADER_BYTES:
            raise Damaged(f"the header of {path.name} is longer than {MAX_HEADER_BYTES >> 20} MiB")
        header = file.read(length)
    described = parse_table(header, f"the header of {path.name}")
    return _shard(described, size - LENGTH_BYTES - length, path.name)


def _shard(described: Table, room_bytes: int, file: str) -> Shard:
    metadata = described.table("__metadata__")
    tensors = {name: value for name, value in described.values.items() if name != "__metadata__"}
    if not 0 < len(tensors) <= MAX_TENSORS:
        raise Damaged(f"{file} carries no weights" if not tensors else f"{file} has {len(tensors):,} tensors")
    elements: dict[str, int] = collections.Counter()
    places = []
    for name, tensor in tensors.items():
        kind, count, place = _tensor(tensor, f"the tensor {name[:63]!r} of {file}")
        elements[kind] += count
        places.append(place)
    end = 0
    for begins, ends in sorted(places):
        if begins != end:
            raise Damaged(f"the tensors of {file} overlap or leave holes at byte {min(begins, end):,}")
        end = ends
    if end != room_bytes:
        raise Damaged(f"{file} is cut short or too long: its tensors take {end:,} of {room_bytes:,} bytes")
    return Shard(frozenset(tensors), dict(elements), metadata.text("format"))


def _tensor(tensor: Any, what: str) -> tuple[str, int, tuple[int, int]]:
    """Return a tensor's type, its number of elements, and where its bytes begin and end."""
    match tensor:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(begins), int(ends)]}:
            pass
        case _:
            raise Damaged(f"{what} isn't described")
    if kind not in BITS:
        raise Damaged(f"{what} has an unknown type")
    if len(shape) > MAX_DIMENSIONS or any(type(length) is not int or length < 0 for length in shape):
        raise Damaged(f"{what} has an impossible shape")
    # Kept small in every step: a product of sixteen endless numbers would take for ever.
    if any(length > MAX_ELEMENTS for length in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise Damaged(f"{what} has an impossible shape")
    count = math.prod(shape)
    if begins < 0 or count * BITS[kind] != (ends - begins) * 8:
        raise Damaged(f"{what} doesn't take the bytes that its shape asks for")
    return kind, count, (begins, ends)
