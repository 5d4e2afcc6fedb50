"""Makes a tiny projector with random weights, with which llama.cpp lets the small model see pictures.

Names of values and tensors: llama.cpp, tools/mtmd/clip-impl.h; the projector is LLaVA's (two layers).
"""

from __future__ import annotations

import random
import struct
from math import prod

import made_gguf
from made_gguf import F32, Value

READER_WIDTH = 576
"""of the small model"""
SIZE, PATCH, WIDTH, INNER, LAYERS, HEADS = 32, 8, 32, 64, 2, 2
TOKENS = (SIZE // PATCH) ** 2
"""of one picture"""

VALUES: dict[str, Value] = {
    "general.architecture": "clip",
    "general.type": "mmproj",
    "general.name": "Tiny Eyes",
    "general.file_type": 0,
    "clip.has_vision_encoder": True,
    "clip.projector_type": "mlp",
    "clip.use_gelu": True,
    "clip.vision.image_size": SIZE,
    "clip.vision.patch_size": PATCH,
    "clip.vision.embedding_length": WIDTH,
    "clip.vision.feed_forward_length": INNER,
    "clip.vision.block_count": LAYERS,
    "clip.vision.attention.head_count": HEADS,
    "clip.vision.attention.layer_norm_epsilon": 1e-5,
    "clip.vision.projection_dim": READER_WIDTH,
    "clip.vision.image_mean": [0.5, 0.5, 0.5],
    "clip.vision.image_std": [0.5, 0.5, 0.5],
}

WHOLE_SIZE, MERGED = 384, 4
WHOLE_TOKENS = (WHOLE_SIZE // PATCH // MERGED) ** 2
"""of one picture that is looked at as a whole: more than are read at once without one"""
WHOLE_VALUES: dict[str, Value] = {
    "clip.projector_type": "gemma3",
    "clip.vision.image_size": WHOLE_SIZE,
    "clip.vision.projector.scale_factor": MERGED,
}


def shapes(reader: int = READER_WIDTH) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor, rows last."""
    named: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (PATCH, PATCH, 3, WIDTH),
        "v.position_embd.weight": (WIDTH, TOKENS + 1),
        "v.class_embd": (WIDTH,),
        "mm.0.weight": (WIDTH, reader),
        "mm.0.bias": (reader,),
        "mm.2.weight": (reader, reader),
        "mm.2.bias": (reader,),
    }
    for norm in ("v.pre_ln", "v.post_ln"):
        named[f"{norm}.weight"] = named[f"{norm}.bias"] = (WIDTH,)
    for layer in (f"v.blk.{number}." for number in range(LAYERS)):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            named[f"{layer}{name}.weight"] = (WIDTH, WIDTH)
            named[f"{layer}{name}.bias"] = (WIDTH,)
        for name in ("ln1", "ln2"):
            named[f"{layer}{name}.weight"] = named[f"{layer}{name}.bias"] = (WIDTH,)
        named |= {f"{layer}ffn_up.weight": (WIDTH, INNER), f"{layer}ffn_up.bias": (INNER,)}
        named |= {f"{layer}ffn_down.weight": (INNER, WIDTH), f"{layer}ffn_down.bias": (WIDTH,)}
    return named


def whole_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a projector like Gemma 3's, which looks back and forth."""
    named = {
        name: shape for name, shape in shapes().items() if name.startswith(("v.blk", "v.post", "v.patch"))
    }
    return named | {
        "v.patch_embd.bias": (WIDTH,),
        "v.position_embd.weight": (WIDTH, (WHOLE_SIZE // PATCH) ** 2),
        "mm.input_projection.weight": (READER_WIDTH, WIDTH),
        "mm.soft_emb_norm.weight": (WIDTH,),
    }


def whole_mmproj() -> bytes:
    return mmproj(WHOLE_VALUES, named=whole_shapes())


def mmproj(
    values: dict[str, Value] | None = None,
    *,
    width: int = READER_WIDTH,
    named: dict[str, tuple[int, ...]] | None = None,
) -> bytes:
    """Return the file, with whatever is given changed in its values, for a model of this `width`."""
    chance, tensors, data = random.Random(1), [], b""
    for name, shape in (named or shapes(width)).items():
        tensors.append(made_gguf.tensor(name, shape, F32, len(data)))
        middle = 1.0 if "ln" in name and name.endswith("weight") else 0.0
        numbers = [chance.gauss(middle, 0.15) for _ in range(prod(shape))]
        data += struct.pack(f"<{len(numbers)}f", *numbers)
        data += bytes(-len(data) % 32)
    told = {**VALUES, **(values or {})}
    without = tuple(set(made_gguf.VALUES) - set(told))
    return made_gguf.gguf(told, without=without, tensors=tuple(tensors), weights=data)
