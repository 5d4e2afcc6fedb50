"""Makes small model folders of PyTorch's kind: config.json, safetensors, a template, a README."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

BYTES = {"F32": 4, "BF16": 2, "F16": 2, "I32": 4}
SHAPES: dict[str, tuple[int, ...]] = {"embed.weight": (8, 4), "norm.weight": (4,)}
FALCON: dict[str, Any] = {
    "architectures": ["FalconForCausalLM"],
    "model_type": "falcon",
    "hidden_size": 4544,
    "num_attention_heads": 71,
    "num_hidden_layers": 32,
    "num_kv_heads": 71,
    "multi_query": True,
    "new_decoder_architecture": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 65024,
    "auto_map": {"AutoModelForCausalLM": "modeling_falcon.FalconForCausalLM"},
}
"""what `tiiuae/falcon-7b-instruct` says of itself: nothing about how long a conversation may be"""
README = """---
language:
- en
license: apache-2.0
tags: [conversational]
---

# A model
"""


def safetensors(
    shapes: dict[str, tuple[int, ...]] = SHAPES, kind: str = "BF16", metadata: dict[str, str] | None = None
) -> bytes:
    """Return a sound safetensors file with tensors of these shapes, all zeros."""
    described: dict[str, Any] = {"__metadata__": metadata or {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begins, end = end, end + math.prod(shape) * BYTES[kind]
        described[name] = {"dtype": kind, "shape": shape, "data_offsets": [begins, end]}
    return framed(json.dumps(described).encode(), end)


def framed(header: bytes, weights_bytes: int) -> bytes:
    return len(header).to_bytes(8, "little") + header + bytes(weights_bytes)


def write_folder(path: Path, **changed: Any) -> Path:
    """Write a model folder like Falcon's. `changed` replaces files (`_` for `.`); None leaves one out.

    A dictionary is written as JSON, a text as text, bytes as they are.
    """
    files: dict[str, Any] = {
        "config_json": FALCON,
        "model_safetensors": safetensors(),
        "tokenizer_config_json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048},
        "README_md": README,
    }
    path.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, **changed}.items():
        if content is None:
            continue
        data = json.dumps(content) if isinstance(content, dict) else content
        file = path / ".".join(name.rsplit("_", 1))
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path
