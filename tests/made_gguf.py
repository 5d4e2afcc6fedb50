"""Makes small GGUF files for tests: real headers, a few bytes of weights."""

from __future__ import annotations

import struct

U32, I32, FLOAT, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32, Q4_1 = 0, 3

Value = str | int | float | bool | list[str] | list[int] | list[float]


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value(given: Value) -> bytes:
    match given:
        case bool():
            return struct.pack("<IB", BOOL, given)
        case int():
            return struct.pack("<II", U32, given)
        case float():
            return struct.pack("<If", FLOAT, given)
        case str():
            return struct.pack("<I", STRING) + text(given)
        case list() if given and isinstance(given[0], str):
            return struct.pack("<IIQ", ARRAY, STRING, len(given)) + b"".join(
                text(str(item)) for item in given
            )
        case list() if given and isinstance(given[0], float):
            return struct.pack("<IIQ", ARRAY, FLOAT, len(given)) + b"".join(
                struct.pack("<f", item) for item in given
            )
        case list():
            return struct.pack("<IIQ", ARRAY, I32, len(given)) + b"".join(
                struct.pack("<i", int(item)) for item in given
            )


VALUES: dict[str, Value] = {
    "general.architecture": "llama",
    "general.type": "model",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "general.languages": ["en", "zh"],
    "general.file_type": 3,
    "llama.context_length": 2048,
    "llama.rope.freq_base": 10000.0,
    "tokenizer.ggml.add_bos_token": False,
    "tokenizer.ggml.tokens": [f"token{number}" for number in range(40)],
    "tokenizer.ggml.token_type": [1] * 40,
    "tokenizer.ggml.merges": ["a b", "c d"],
    "tokenizer.chat_template": "{{ messages }}",
}


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


TENSORS = (tensor("a", (32, 4), Q4_1, 0), tensor("b", (8,), F32, 96))


def gguf(
    values: dict[str, Value] | None = None,
    *,
    without: tuple[str, ...] = (),
    tensors: tuple[bytes, ...] = TENSORS,
    version: int = 3,
    magic: bytes = b"GGUF",
    tensor_count: int | None = None,
    value_count: int | None = None,
    weights: bytes = b"\x01" * 128,
) -> bytes:
    """Return a sound file, or one with whatever is given changed in it."""
    chosen = {key: item for key, item in {**VALUES, **(values or {})}.items() if key not in without}
    header = magic + struct.pack(
        "<IQQ",
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(chosen) if value_count is None else value_count,
    )
    header += b"".join(text(key) + value(item) for key, item in chosen.items()) + b"".join(tensors)
    return header + bytes(-len(header) % 32) + weights
