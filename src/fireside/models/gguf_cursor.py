"""Reads the pieces of a GGUF header with every bound checked; `gguf` says what they mean."""

from __future__ import annotations

import math
import struct
from typing import NoReturn

import msgspec

from fireside.models.foreign import Damaged
from fireside.models.gguf_types import ARRAY, SCALARS, STRING, TENSOR_BLOCKS, TENSOR_TYPES
from fireside.models.tensors import Tensor, TensorGroup, grouped
from fireside.models.tuning import knows_tools, offers_reasoning

MAX_HEADER_BYTES = 64 << 20
MAX_VALUES = 4_096
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 256
MAX_TENSOR_NAME_BYTES = 63
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 1 << 50
MAX_STRINGS = 4 << 20
"""in all arrays together; the largest vocabularies and their merges stay under a million"""
MAX_KEPT_BYTES = 1_024
MAX_KEPT_ITEMS = 64
KEPT_LISTS = ("general.languages", "general.tags")
VISION_PARTS = ("v.", "mm.", "a.")
"""how the names of a projector's tensors begin (llama.cpp, tools/mtmd/clip-impl.h)"""
MAX_ALIGNMENT = 1 << 20
MAX_LAYERS = 4_096
WHOLE = (4, 5)
"""the types of 32-bit whole numbers"""
BOOLEAN = 7
SUMMED = (".attention.head_count", ".attention.head_count_kv", ".attention.sliding_window_pattern")
"""what may differ from layer to layer, of which the sum is kept"""

_U32 = struct.Struct("<I").unpack_from
_U64 = struct.Struct("<Q").unpack_from


class MoreNeeded(Exception):
    """The header goes on behind the bytes that were read."""


class Values(msgspec.Struct):
    """The key-value pairs that are worth keeping; long texts are cut."""

    scalars: dict[str, int | float | str] = msgspec.field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """those of `KEPT_LISTS`"""
    has_template: bool = False
    reasons: bool = False
    takes_tools: bool = False
    vocabulary: int | None = None
    sums: dict[str, int] = msgspec.field(default_factory=dict)
    """of what differs from layer to layer"""

    def text(self, key: str) -> str | None:
        value = self.scalars.get(key)
        return value if isinstance(value, str) else None

    def whole(self, key: str) -> int | None:
        """Return a positive whole number, or None."""
        value = self.scalars.get(key)
        return value if isinstance(value, int) and value > 0 else None


class Cursor:
    """A place in the beginning of a file of `size` bytes; `data` is what was read of it."""

    def __init__(self, data: bytes, size: int, position: int) -> None:
        self.data = data
        self.size = size
        self.position = position
        self._strings_left = MAX_STRINGS

    def advance(self, length: int) -> int:
        """Step over `length` bytes and return where they begin."""
        start = self.position
        end = start + length
        if end > len(self.data):
            self._run_out(end)
        self.position = end
        return start

    def _run_out(self, end: int) -> NoReturn:
        if end > self.size:
            raise Damaged(f"it ends in the middle of its header (at byte {self.size:,})")
        if end > MAX_HEADER_BYTES:
            raise Damaged(f"its header is longer than {MAX_HEADER_BYTES >> 20} MiB")
        raise MoreNeeded

    def u32(self) -> int:
        return int(_U32(self.data, self.advance(4))[0])

    def u64(self) -> int:
        return int(_U64(self.data, self.advance(8))[0])

    def scalar(self, kind: int) -> int | float:
        layout = SCALARS[kind]
        value: int | float = struct.unpack_from(layout, self.data, self.advance(struct.calcsize(layout)))[0]
        return value

    def string(self, longest: int | None = None) -> bytes:
        """Return the next string, refused when it is over `longest` bytes."""
        length = self.u64()
        if longest is not None and length > longest:
            raise Damaged(f"a name of {length:,} bytes at byte {self.position:,}")
        start = self.advance(length)
        return self.data[start : self.position]

    def skip_strings(self, count: int) -> None:
        """Step over `count` strings. A tight loop: vocabularies have a hundred thousand of them."""
        if count * 8 > self.size - self.position or count > self._strings_left:
            raise Damaged(f"a list of {count:,} strings at byte {self.position:,}")
        self._strings_left -= count
        data, position, length_at = self.data, self.position, _U64
        try:
            for _ in range(count):
                position += 8 + length_at(data, position)[0]
        except (struct.error, OverflowError):
            self._run_out(position + 8)
        self.advance(position - self.position)

    def skip_array(self, kind: int, count: int) -> None:
        if kind == STRING:
            self.skip_strings(count)
        elif kind in SCALARS:
            self.advance(count * struct.calcsize(SCALARS[kind]))
        else:
            raise Damaged(f"an array of type {kind} at byte {self.position:,}")


def read_values(cursor: Cursor, count: int) -> Values:
    """Return what is worth keeping of the `count` key-value pairs at the cursor."""
    if count > MAX_VALUES:
        raise Damaged(f"it claims to carry {count:,} values")
    kept = Values()
    seen = set()
    for _ in range(count):
        raw = cursor.string(MAX_KEY_BYTES)
        if raw in seen:
            raise Damaged(f"it carries the value {raw!r} twice")
        seen.add(raw)
        _read_value(cursor, raw.decode("utf-8", "replace"), kept)
    return kept


def _read_value(cursor: Cursor, key: str, kept: Values) -> None:
    kind = cursor.u32()
    if kind == ARRAY:
        _read_array(cursor, key, kept)
    elif kind == STRING:
        text = cursor.string()
        if key == "tokenizer.chat_template":
            kept.has_template = not text.isspace() and bool(text)
            kept.reasons = offers_reasoning(text)
            kept.takes_tools = kept.takes_tools or knows_tools(text)
        elif key == "tokenizer.chat_template.tool_use":
            kept.takes_tools = True
        elif key.startswith(("general.", "tokenizer.ggml.", "adapter.", "clip.")):
            kept.scalars[key] = text[:MAX_KEPT_BYTES].decode("utf-8", "replace")
    elif kind in SCALARS:
        kept.scalars[key] = cursor.scalar(kind)
    else:
        raise Damaged(f"the value {key!r} has the unknown type {kind}")


def _read_array(cursor: Cursor, key: str, kept: Values) -> None:
    kind, count = cursor.u32(), cursor.u64()
    if key in KEPT_LISTS and kind == STRING and count <= MAX_KEPT_ITEMS:
        strings = [cursor.string()[:MAX_KEPT_BYTES] for _ in range(count)]
        kept.lists[key] = tuple(text.decode("utf-8", "replace") for text in strings)
        return
    if key.endswith(SUMMED) and kind in (*WHOLE, BOOLEAN) and count <= MAX_LAYERS:
        kept.sums[key] = sum(max(0, int(cursor.scalar(kind))) for _ in range(count))
        return
    if key == "tokenizer.ggml.tokens":
        kept.vocabulary = count
    cursor.skip_array(kind, count)


class Tensors(msgspec.Struct, frozen=True):
    """How many tensors a file has, and elements in all of them."""

    count: int
    elements: int
    groups: tuple[TensorGroup, ...]
    has_vision: bool
    """whether a projector's are among them"""
    each: tuple[Tensor, ...]


def read_tensors(cursor: Cursor, count: int, alignment: int, *, can_be_empty: bool) -> Tensors:
    """Return what the `count` tensors at the cursor are, once it is sure that they lie inside the file."""
    if count > MAX_TENSORS or not (count or can_be_empty):
        raise Damaged("it carries no weights" if not count else f"it claims to carry {count:,} tensors")
    if alignment & (alignment - 1) or alignment > MAX_ALIGNMENT:
        raise Damaged(f"its alignment of {alignment:,} bytes is impossible")
    tensors = [_read_tensor(cursor) for _ in range(count)]
    if len({tensor.name for tensor in tensors}) != count:
        raise Damaged("two of its tensors have the same name")
    start = cursor.position + -cursor.position % alignment
    for name, _, _, offset, length, *_ in tensors:
        if offset % alignment:
            raise Damaged(f"the tensor {name!r} doesn't begin at a multiple of {alignment} bytes")
        if start + offset + length > cursor.size:
            raise Damaged(
                f"it is cut short: the tensor {name!r} ends at byte {start + offset + length:,}, "
                f"the file at byte {cursor.size:,}"
            )
    ends = 0
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset < ends:
            raise Damaged(f"two of its tensors overlap at byte {start + tensor.offset:,}")
        ends = tensor.offset + tensor.size_bytes
    return Tensors(
        count=count,
        elements=sum(tensor.elements for tensor in tensors),
        groups=grouped(tensors),
        has_vision=any(tensor.name.startswith(VISION_PARTS) for tensor in tensors),
        each=tuple(tensors),
    )


def _read_tensor(cursor: Cursor) -> Tensor:
    name = cursor.string(MAX_TENSOR_NAME_BYTES).decode("utf-8", "replace")
    dimensions = cursor.u32()
    if dimensions > MAX_DIMENSIONS:
        raise Damaged(f"the tensor {name!r} has {dimensions:,} dimensions")
    shape = [cursor.u64() for _ in range(dimensions)]
    kind, offset = cursor.u32(), cursor.u64()
    elements = math.prod(shape)
    if not 0 < elements <= MAX_ELEMENTS:
        raise Damaged(f"the tensor {name!r} has the impossible shape {shape}")
    # A type that is newer than this table takes at least a bit for each element.
    block, block_bytes = TENSOR_BLOCKS.get(kind, (8, 1))
    if kind in TENSOR_BLOCKS and shape and shape[0] % block:
        raise Damaged(f"the rows of the tensor {name!r} are no whole blocks of {block}")
    size_bytes = elements // block * block_bytes
    # As ggml counts them: dimensions of 1 at the end are none.
    used = max((at for at, length in enumerate(shape, start=1) if length > 1), default=1)
    row = shape[0] if shape else 1
    told = TENSOR_TYPES.get(kind, f"type {kind}")
    return Tensor(name, told, elements, offset, size_bytes, kind, row, used)
