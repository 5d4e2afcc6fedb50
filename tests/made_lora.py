"""Makes LoRA adapters with random weights that llama.cpp really adds to the small model.

Names: llama.cpp, convert_lora_to_gguf.py and src/llama-adapter.cpp.
"""

from __future__ import annotations

import random
import struct

import made_gguf
from made_gguf import F32, Value

WIDTH, RANK, LAYERS = 576, 4, 30
"""of the small model"""


def lora(values: dict[str, Value] | None = None, *, strength: float = 0.2, seed: int = 1) -> bytes:
    """Return an adapter of the small model's query matrices, with whatever is given changed in its values."""
    chance, tensors, data = random.Random(seed), [], b""
    for layer in range(LAYERS):
        for name, shape in (("lora_a", (WIDTH, RANK)), ("lora_b", (RANK, WIDTH))):
            tensors.append(made_gguf.tensor(f"blk.{layer}.attn_q.weight.{name}", shape, F32, len(data)))
            numbers = [chance.gauss(0, strength) for _ in range(WIDTH * RANK)]
            data += struct.pack(f"<{len(numbers)}f", *numbers)
    told: dict[str, Value] = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "general.name": "Tiny Adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": float(RANK),
        **(values or {}),
    }
    without = tuple(set(made_gguf.VALUES) - set(told))
    return made_gguf.gguf(told, without=without, tensors=tuple(tensors), weights=data)
