"""A small model without a mind, of weights of one format: how fast the engine is with it tells about others.

Its words mean nothing and its weights are all alike, since neither changes how long they are multiplied.
Format: ggml's docs/gguf.md, version 3; names of tensors and keys as in a model of the llama architecture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from fireside.models.gguf_types import TENSOR_BLOCKS, TENSOR_TYPES

ALIGNMENT = 32
HEAD_LENGTH = 64
TEXT, U32, F32, I32, LIST = 8, 4, 6, 5, 9
VOCABULARY = 259
UNKNOWN, CONTROL, BYTE = 2, 3, 6
FILLER = {"F32": struct.pack("<f", 0.01), "BF16": b"\x3a\x3a"}
"""what weights are made of: numbers neither infinite nor so small that processors take longer for them"""
USUAL_FILLER = b"\x11"
"""the scale of a block becomes 0.0006 by it, in every format that has one"""
CHUNK_BYTES = 1 << 20


class Shape(msgspec.Struct, frozen=True):
    """How large a specimen is."""

    layers: int
    width: int
    inner_width: int
    context_length: int = 2048

    @property
    def key_width(self) -> int:
        return max(1, self.width // HEAD_LENGTH // 4) * HEAD_LENGTH

    @property
    def weights(self) -> int:
        """Return how many weights its layers have."""
        return self.layers * self.width * (2 * self.width + 2 * self.key_width + 3 * self.inner_width)

    @property
    def values(self) -> int:
        """Return how many numbers are computed for a token, of all layers together."""
        return self.layers * self.width


FAT = Shape(layers=2, width=2048, inner_width=5632)
"""nearly all of its time goes into its 90 million weights"""
THIN = Shape(layers=32, width=128, inner_width=128)
"""most of its time goes into what is done for each layer"""


def write_specimen(path: Path, kind: str, shape: Shape) -> None:
    """Write the model; `kind` is its weights' format as ggml calls it. OSError where there is no room."""
    types = {name: number for number, name in TENSOR_TYPES.items()}
    tensors = list(_tensors(shape, kind))
    values = _values(shape)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + b"".join(values)
    offset = 0
    sizes = []
    for name, dimensions, kind_here in tensors:
        block, block_bytes = TENSOR_BLOCKS[types[kind_here]]
        elements = dimensions[0] * (dimensions[1] if len(dimensions) == 2 else 1)
        size_bytes = elements // block * block_bytes
        lengths = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        header += _text(name) + lengths + struct.pack("<IQ", types[kind_here], offset)
        padded = size_bytes + -size_bytes % ALIGNMENT
        sizes.append((kind_here, padded))
        offset += padded
    with path.open("wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for kind_here, padded in sizes:
            filler = FILLER.get(kind_here, USUAL_FILLER)
            chunk = filler * (CHUNK_BYTES // len(filler))
            for begun in range(0, padded, CHUNK_BYTES):
                file.write(chunk[: padded - begun])


def _tensors(shape: Shape, kind: str) -> Iterator[tuple[str, Sequence[int], str]]:
    width, inner = shape.width, shape.inner_width
    yield "token_embd.weight", (width, VOCABULARY), "Q8_0"
    yield "output_norm.weight", (width,), "F32"
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", (width,), "F32"
        for name in ("attn_q", "attn_output"):
            yield f"{block}.{name}.weight", (width, width), kind
        for name in ("attn_k", "attn_v"):
            yield f"{block}.{name}.weight", (width, shape.key_width), kind
        for name in ("ffn_gate", "ffn_up"):
            yield f"{block}.{name}.weight", (width, inner), kind
        yield f"{block}.ffn_down.weight", (inner, width), kind
        yield f"{block}.ffn_norm.weight", (width,), "F32"


def _values(shape: Shape) -> list[bytes]:
    heads = shape.width // HEAD_LENGTH
    numbers = {
        "llama.block_count": shape.layers,
        "llama.embedding_length": shape.width,
        "llama.feed_forward_length": shape.inner_width,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": shape.key_width // HEAD_LENGTH,
        "llama.rope.dimension_count": HEAD_LENGTH,
        "llama.context_length": shape.context_length,
        "llama.vocab_size": VOCABULARY,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    words = [*_words()]
    texts = {"general.architecture": "llama", "general.name": "specimen", "tokenizer.ggml.model": "llama"}
    return [
        *(_text(key) + struct.pack("<I", TEXT) + _text(text) for key, text in texts.items()),
        *(_text(key) + struct.pack("<II", U32, number) for key, number in numbers.items()),
        _text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", F32, 1e-5),
        _list("tokenizer.ggml.tokens", TEXT, [_text(word) for word, _ in words]),
        _list("tokenizer.ggml.scores", F32, [struct.pack("<f", -number) for number in range(len(words))]),
        _list("tokenizer.ggml.token_type", I32, [struct.pack("<i", type_) for _, type_ in words]),
    ]


def _words() -> Iterator[tuple[str, int]]:
    """Yield the words of the smallest vocabulary that there can be: every byte."""
    yield from (("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL))
    for byte in range(256):
        yield f"<0x{byte:02X}>", BYTE


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _list(key: str, kind: int, items: Sequence[bytes]) -> bytes:
    return _text(key) + struct.pack("<IIQ", LIST, kind, len(items)) + b"".join(items)
