"""Makes a model of half a billion random weights: its words mean nothing, its speed is that of its size.

The tokenizer is copied from a real model's header. Format: ggml's docs/gguf.md, version 3.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

from fireside.models.gguf_cursor import Cursor
from fireside.models.gguf_types import ARRAY, SCALARS, STRING

LAYERS, WIDTH, HEADS, KV_HEADS, INNER = 25, 1280, 20, 5, 3584
F32, Q4_0 = 0, 2
BLOCK, BLOCK_BYTES = 32, 18
ALIGNMENT = 32
ROW_BLOCKS = 4_096
"""random ones, then the same again"""
SCALE = struct.pack("<e", 0.005)
U32 = 4
DIMENSIONS = {
    "llama.block_count": LAYERS,
    "llama.embedding_length": WIDTH,
    "llama.feed_forward_length": INNER,
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": KV_HEADS,
    "llama.rope.dimension_count": WIDTH // HEADS,
    "llama.context_length": 2048,
    "llama.vocab_size": 0,
    "general.file_type": 2,
}


class Tensor:
    """A matrix in blocks of four bits, or a row of ones."""

    def __init__(self, name: str, *shape: int) -> None:
        self.name = name
        self.shape = shape
        self.kind = Q4_0 if len(shape) == 2 else F32
        self.elements = shape[0] * (shape[1] if len(shape) == 2 else 1)
        self.size_bytes = self.elements // BLOCK * BLOCK_BYTES if self.kind == Q4_0 else self.elements * 4


def tensors(vocabulary: int) -> list[Tensor]:
    kept = WIDTH // HEADS * KV_HEADS
    made = [Tensor("token_embd.weight", WIDTH, vocabulary), Tensor("output_norm.weight", WIDTH)]
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        made += [
            Tensor(f"{block}.attn_norm.weight", WIDTH),
            Tensor(f"{block}.attn_q.weight", WIDTH, WIDTH),
            Tensor(f"{block}.attn_k.weight", WIDTH, kept),
            Tensor(f"{block}.attn_v.weight", WIDTH, kept),
            Tensor(f"{block}.attn_output.weight", WIDTH, WIDTH),
            Tensor(f"{block}.ffn_norm.weight", WIDTH),
            Tensor(f"{block}.ffn_gate.weight", WIDTH, INNER),
            Tensor(f"{block}.ffn_up.weight", WIDTH, INNER),
            Tensor(f"{block}.ffn_down.weight", INNER, WIDTH),
        ]
    return made


def values_of(source: Path) -> tuple[dict[str, bytes], int]:
    """Return a header's values by their keys, type included, and the size of its vocabulary."""
    data = source.read_bytes()[: 16 << 20]
    cursor = Cursor(data, len(data), position=16)
    values: dict[str, bytes] = {}
    vocabulary = 0
    for _ in range(cursor.u64()):
        key = cursor.string().decode()
        start = cursor.position
        kind = cursor.u32()
        if kind == ARRAY:
            inner, count = cursor.u32(), cursor.u64()
            vocabulary = count if key == "tokenizer.ggml.tokens" else vocabulary
            cursor.skip_array(inner, count)
        elif kind == STRING:
            cursor.string()
        else:
            cursor.advance(struct.calcsize(SCALARS[kind]))
        values[key] = data[start : cursor.position]
    return values, vocabulary


def make(source: Path, target: Path) -> int:
    """Write the model with the tokenizer of `source`, of the llama architecture; return its parameters."""
    values, vocabulary = values_of(source)
    known = DIMENSIONS | {"llama.vocab_size": vocabulary}
    values |= {key: struct.pack("<II", U32, value) for key, value in known.items()}
    made = tensors(vocabulary)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(made), len(values))
    header += b"".join(_text(key) + value for key, value in values.items())
    offset, seed = 0, random.Random(1)
    for one in made:
        header += _text(one.name) + struct.pack(
            f"<I{len(one.shape)}QIQ", len(one.shape), *one.shape, one.kind, offset
        )
        offset += one.size_bytes + -one.size_bytes % ALIGNMENT
    with target.open("wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for one in made:
            file.writelines(_weights(one, seed))
            file.write(bytes(-one.size_bytes % ALIGNMENT))
    return sum(one.elements for one in made)


def _weights(one: Tensor, seed: random.Random) -> Iterator[bytes]:
    if one.kind == F32:
        yield struct.pack("<f", 1.0) * one.elements
        return
    blocks = one.elements // BLOCK
    row = b"".join(SCALE + seed.randbytes(BLOCK_BYTES - len(SCALE)) for _ in range(ROW_BLOCKS))
    for begun in range(0, blocks, ROW_BLOCKS):
        yield row[: (blocks - begun) * BLOCK_BYTES]


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
