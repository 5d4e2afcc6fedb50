"""Makes a tiny embedding model that llama.cpp really loads: BERT with random weights and a few words.

Names of values and tensors: llama.cpp, gguf-py/gguf/constants.py, `MODEL_ARCH.BERT`.
"""

from __future__ import annotations

import random
import struct
from math import erf, exp, fsum, hypot, prod, sqrt
from operator import mul

import made_gguf
from made_gguf import F32, Value

CONTEXT = 64
WIDTH, INNER, LAYERS, HEADS = 32, 64, 2, 2
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "cat", "dog", "fire", "sat", "by", "warm"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENS = [*SPECIAL, *(f"\u2581{word}" for word in WORDS), *(f"\u2581{one}" for one in LETTERS), *LETTERS]
"""As the converter writes them: what begins a word has a mark, what goes on in one hasn't."""

VALUES: dict[str, Value] = {
    "general.architecture": "bert",
    "general.type": "model",
    "general.name": "Tiny Embedder",
    "general.license": "apache-2.0",
    "general.file_type": 0,
    "bert.context_length": CONTEXT,
    "bert.embedding_length": WIDTH,
    "bert.feed_forward_length": INNER,
    "bert.block_count": LAYERS,
    "bert.attention.head_count": HEADS,
    "bert.attention.layer_norm_epsilon": 1e-12,
    "bert.attention.causal": False,
    "bert.pooling_type": 1,
    "tokenizer.ggml.model": "bert",
    "tokenizer.ggml.pre": "default",
    "tokenizer.ggml.token_type_count": 2,
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3] * len(SPECIAL) + [1] * (len(TOKENS) - len(SPECIAL)),
    "tokenizer.ggml.padding_token_id": 0,
    "tokenizer.ggml.unknown_token_id": 1,
    "tokenizer.ggml.bos_token_id": 2,
    "tokenizer.ggml.seperator_token_id": 3,
    "tokenizer.ggml.eos_token_id": 3,
    "tokenizer.ggml.mask_token_id": 4,
}


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor, rows last."""
    named: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (WIDTH, len(TOKENS)),
        "position_embd.weight": (WIDTH, CONTEXT),
        "token_types.weight": (WIDTH, 2),
    }
    layers = [f"blk.{number}." for number in range(LAYERS)]
    matrices = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
    matrices |= {"ffn_up": (WIDTH, INNER), "ffn_down": (INNER, WIDTH)}
    for layer in layers:
        for name, shape in matrices.items():
            named[f"{layer}{name}.weight"] = shape
            named[f"{layer}{name}.bias"] = shape[1:]
    norms = [f"{layer}{name}" for layer in layers for name in ("attn_output_norm", "layer_output_norm")]
    for norm in ("token_embd_norm", *norms):
        named[f"{norm}.weight"] = named[f"{norm}.bias"] = (WIDTH,)
    return named


def weights() -> dict[str, tuple[float, ...]]:
    """Return the numbers of every tensor, the same ones each time."""
    chance = random.Random(1)
    numbers = {}
    for name, shape in shapes().items():
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        numbers[name] = tuple(chance.gauss(middle, 0.3) for _ in range(prod(shape)))
    return numbers


def bert(values: dict[str, Value] | None = None, *, without: tuple[str, ...] = ()) -> bytes:
    """Return the file, with whatever is given changed in its values."""
    tensors, data = [], b""
    for name, numbers in weights().items():
        tensors.append(made_gguf.tensor(name, shapes()[name], F32, len(data)))
        data += struct.pack(f"<{len(numbers)}f", *numbers)
    return made_gguf.gguf(
        {**VALUES, **(values or {})},
        without=(*(set(made_gguf.VALUES) - set(VALUES)), *without),
        tensors=tuple(tensors),
        weights=data,
    )


def by_hand(ids: list[int]) -> list[float]:
    """Return the embedding of these tokens, computed as in the paper (Devlin et al., 2018), mean-pooled."""
    tensors = {name: _tensor(name) for name in shapes()}

    def linear(rows: list[list[float]], name: str) -> list[list[float]]:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"][0]
        return [
            [sum(map(mul, row, out)) + plus for out, plus in zip(weight, bias, strict=True)] for row in rows
        ]

    def norm(rows: list[list[float]], name: str) -> list[list[float]]:
        scale, shift = tensors[f"{name}.weight"][0], tensors[f"{name}.bias"][0]
        return [[a * b + c for a, b, c in zip(_standard(row), scale, shift, strict=True)] for row in rows]

    words, places = tensors["token_embd.weight"], tensors["position_embd.weight"]
    kind = tensors["token_types.weight"][0]
    rows = norm([_sum(words[one], places[at], kind) for at, one in enumerate(ids)], "token_embd_norm")
    for layer in (f"blk.{number}." for number in range(LAYERS)):
        attended = _attend(*(linear(rows, f"{layer}attn_{one}") for one in "qkv"))
        rows = norm(_add(rows, linear(attended, f"{layer}attn_output")), f"{layer}attn_output_norm")
        inner = [[_gelu(one) for one in row] for row in linear(rows, f"{layer}ffn_up")]
        rows = norm(_add(rows, linear(inner, f"{layer}ffn_down")), f"{layer}layer_output_norm")
    mean = [fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    return [one / hypot(*mean) for one in mean]


def _attend(q: list[list[float]], k: list[list[float]], v: list[list[float]]) -> list[list[float]]:
    wide = WIDTH // HEADS
    out: list[list[float]] = [[] for _ in q]
    for part in (slice(head * wide, (head + 1) * wide) for head in range(HEADS)):
        for at, asking in enumerate(q):
            scores = [exp(sum(map(mul, asking[part], key[part])) / sqrt(wide)) for key in k]
            columns = zip(*(row[part] for row in v), strict=True)
            out[at] += [sum(map(mul, scores, column)) / sum(scores) for column in columns]
    return out


def _tensor(name: str) -> list[list[float]]:
    width, numbers = shapes()[name][0], weights()[name]
    return [list(numbers[at : at + width]) for at in range(0, len(numbers), width)]


def _standard(row: list[float]) -> list[float]:
    middle = fsum(row) / len(row)
    spread = sqrt(fsum((one - middle) ** 2 for one in row) / len(row))
    return [(one - middle) / spread for one in row]


def _gelu(one: float) -> float:
    return one * (1 + erf(one / sqrt(2))) / 2


def _sum(*rows: list[float]) -> list[float]:
    return [fsum(column) for column in zip(*rows, strict=True)]


def _add(one: list[list[float]], other: list[list[float]]) -> list[list[float]]:
    return [_sum(a, b) for a, b in zip(one, other, strict=True)]
