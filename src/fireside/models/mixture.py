"""Which format each tensor of a model gets: llama.cpp's own mixtures, without an importance matrix.

Some weights matter more than others, so a format like Q4_K_M is a mixture. Source: llama.cpp,
src/llama-quant.cpp (`tensor_allows_quantization`, `llama_tensor_get_type_impl`, `tensor_type_fallback`);
what it does for single sizes of a model (Llama 2 70B) is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from fireside.models.gguf_types import FILE_TYPES, TENSOR_BLOCKS, TENSOR_TYPES
from fireside.models.tensors import Tensor

BASES = {
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_0": "Q4_0",
    "Q3_K_M": "Q3_K",
}
"""what most of a model's weights get"""
FILE_NUMBERS = {name: number for number, name in FILE_TYPES.items()}
NUMBERS = {name: number for number, name in TENSOR_TYPES.items()}
SHORT_BLOCKS = {"Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""in the place of formats with blocks of 256, for rows that are no whole ones"""
KEPT = re.compile(
    r"_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel|per_layer_model_proj|ssm_conv1d"
    r"|shortconv\.conv\.weight|indexer\.[kq]_proj\.weight|time_mix_(first|w[012]|v[012]|a[012]|g[12]|decay_w[12]"
    r"|lerp_fused)\.weight|attn_rel_b\.weight|^position_embd\.weight|^token_types\.weight|\.position_embd|sam\.pos_embd"
    r"|sam\.neck\.|sam\.net_|\.rel_pos|\.patch_embd|\.patch_merger|a\.rvq\.codebook|mm\.a\.code_embd"
)
"""names of tensors that are small and matter much"""
_LAYER = re.compile(r"blk\.(\d+)\.")
_USES = {
    "v": re.compile(r"attn_(v|qkv|kv_b)\.weight"),
    "k": re.compile(r"attn_k\.weight"),
    "o": re.compile(r"attn_output\.weight"),
    "down": re.compile(r"ffn_down"),
}
MANY_EXPERTS = 8


class Shape(msgspec.Struct, frozen=True):
    """What of a model, besides its tensors, decides how they are mixed."""

    architecture: str
    layers: int
    experts: int = 0


class Chosen(msgspec.Struct, frozen=True):
    """One tensor and the number of the format that it gets, in the order in which they are written."""

    name: str
    number: int
    size_bytes: int


def mixture(tensors: Sequence[Tensor], shape: Shape, kind: str) -> tuple[Chosen, ...]:
    """Return what each tensor gets where a model is converted to `kind`, one of `BASES`."""
    has_output = any(tensor.name == "output.weight" for tensor in tensors)
    ordered = sorted(tensors, key=lambda tensor: (_layer(tensor.name), tensor.name.encode()))
    values = sum(1 for tensor in tensors if _use(tensor.name) == "v")
    seen: Counter[str | None] = Counter()
    chosen = []
    for tensor in ordered:
        number = tensor.number
        if _is_converted(tensor):
            if tensor.name == "output.weight" or (_is_table(tensor.name) and not has_output):
                wanted = _output(shape, kind, tensor)
            else:
                use = _use(tensor.name)
                named = use == "down" and shape.experts > 1  # there are several in a layer
                place = _layer(tensor.name) if named else seen[use]
                count = values if use == "v" else shape.layers
                wanted = _inner(use, place, count, shape, kind)
                seen[use] += 1
            number = NUMBERS[_fitting(wanted, tensor.row)]
        block, block_bytes = TENSOR_BLOCKS[number]
        chosen.append(Chosen(tensor.name, number, tensor.elements // block * block_bytes))
    return tuple(chosen)


def _is_converted(tensor: Tensor) -> bool:
    return tensor.dimensions > 1 and tensor.name.endswith("weight") and not KEPT.search(tensor.name)


def _is_table(name: str) -> bool:
    return name in ("token_embd.weight", "per_layer_token_embd.weight")


def _use(name: str) -> str | None:
    return next((use for use, pattern in _USES.items() if pattern.search(name)), None)


def _layer(name: str) -> int:
    found = _LAYER.match(name)
    return int(found.group(1)) if found else -1


def _output(shape: Shape, kind: str, tensor: Tensor) -> str:
    base = BASES[kind]
    if shape.architecture == "falcon" or tensor.row % TENSOR_BLOCKS[NUMBERS[base]][0]:
        return "Q8_0"
    return base if base == "Q8_0" else "Q6_K"


def _inner(use: str | None, place: int, count: int, shape: Shape, kind: str) -> str:
    """Return the format of weights of some `use`, the `place`-th of `count` layers."""
    base = BASES[kind]
    if use in ("v", "k") and shape.experts == MANY_EXPERTS:
        return "Q8_0"
    if use == "v":
        return _value(place, count, kind, base)
    if use == "down":
        falcon = shape.architecture == "falcon"
        return _down_of_falcon(place, count, kind, base) if falcon else _down(place, count, kind, base)
    if use == "o" and shape.architecture != "falcon":
        if shape.experts == MANY_EXPERTS:
            return "Q5_K" if base in ("Q3_K", "Q4_K") else base
        return "Q4_K" if kind == "Q3_K_M" else base
    return base


def _value(place: int, count: int, kind: str, base: str) -> str:
    if kind == "Q3_K_M":
        return "Q5_K" if place < 2 else "Q4_K"
    if kind in ("Q4_K_M", "Q5_K_M") and _matters(place, count):
        return "Q6_K"
    return "Q5_K" if kind == "Q4_K_S" and place < 4 else base


def _down(place: int, count: int, kind: str, base: str) -> str:
    if kind == "Q3_K_M":
        return "Q5_K" if place < count // 16 else "Q4_K"
    if kind in ("Q4_K_M", "Q5_K_M") and _matters(place, count):
        return "Q6_K"
    return "Q5_K" if kind == "Q4_K_S" and place < count // 8 else base


def _down_of_falcon(place: int, count: int, kind: str, base: str) -> str:
    if kind == "Q3_K_M":
        return "Q5_K" if place < count // 16 else "Q4_K" if _matters(place, count) else base
    if kind == "Q4_K_M":
        return "Q6_K" if place < count // 16 else "Q5_K" if _matters(place, count) else base
    return "Q6_K" if kind == "Q5_K_M" and _matters(place, count) else base


def _matters(place: int, count: int) -> bool:
    """Return whether a layer gets more bits: the first and last eighth, and every third between.

    >>> [place for place in range(16) if _matters(place, 16)]
    [0, 1, 4, 7, 10, 13, 14, 15]
    """
    return place < count // 8 or place >= 7 * count // 8 or (place - count // 8) % 3 == 2


def _fitting(wanted: str, row: int) -> str:
    """Return a format whose blocks fit into rows so long.

    >>> _fitting("Q4_K", 512), _fitting("Q4_K", 576), _fitting("Q4_K", 100), _fitting("Q4_0", 100)
    ('Q4_K', 'Q5_0', 'F16', 'F16')
    """
    if row % TENSOR_BLOCKS[NUMBERS[wanted]][0]:
        wanted = SHORT_BLOCKS.get(wanted, "F16")
    return "F16" if row % TENSOR_BLOCKS[NUMBERS[wanted]][0] else wanted
