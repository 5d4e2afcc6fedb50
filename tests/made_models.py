"""Makes tiny models with random weights that llama.cpp really runs, of kinds that the small model is not.

The names of tensors and values are llama.cpp's (src/llama-arch.cpp).
"""

from __future__ import annotations

import random
import struct

from made_gguf import F32, Value, gguf, tensor

VOCABULARY = 64
LAYERS = 2


def sliding_window() -> bytes:
    """Return a model of Gemma 3's kind that looks back 32 tokens in most layers."""
    width, heads, head, inner = 64, 2, 32, 64
    layer: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (width,),
        "attn_q.weight": (width, heads * head),
        "attn_k.weight": (width, head),
        "attn_v.weight": (width, head),
        "attn_output.weight": (heads * head, width),
        "attn_q_norm.weight": (head,),
        "attn_k_norm.weight": (head,),
        "post_attention_norm.weight": (width,),
        "ffn_norm.weight": (width,),
        "ffn_gate.weight": (width, inner),
        "ffn_up.weight": (width, inner),
        "ffn_down.weight": (inner, width),
        "post_ffw_norm.weight": (width,),
    }
    values: dict[str, Value] = {
        "feed_forward_length": inner,
        "attention.head_count": heads,
        "attention.head_count_kv": 1,
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.sliding_window": 32,
        "rope.freq_base": 1e6,
    }
    return _model("gemma3", width, values, layer)


def recurrent() -> bytes:
    """Return a model of Mamba's kind: one state that every token changes."""
    width, inner, state, kernel, rank = 32, 64, 8, 4, 4
    layer: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (width,),
        "ssm_in.weight": (width, 2 * inner),
        "ssm_conv1d.weight": (kernel, inner),
        "ssm_conv1d.bias": (inner,),
        "ssm_x.weight": (inner, rank + 2 * state),
        "ssm_dt.weight": (rank, inner),
        "ssm_dt.bias": (inner,),
        "ssm_a": (state, inner),
        "ssm_d": (inner,),
        "ssm_out.weight": (inner, width),
    }
    values: dict[str, Value] = {
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": rank,
    }
    return _model("mamba", width, values, layer)


def _model(kind: str, width: int, values: dict[str, Value], layer: dict[str, tuple[int, ...]]) -> bytes:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (width, VOCABULARY),
        "output_norm.weight": (width,),
    }
    shapes |= {f"blk.{at}.{name}": shape for at in range(LAYERS) for name, shape in layer.items()}
    chance, tensors, weights = random.Random(1), [], b""
    for name, shape in shapes.items():
        tensors.append(tensor(name, shape, F32, len(weights)))
        numbers = _numbers(name, shape, chance)
        weights += struct.pack(f"<{len(numbers)}f", *numbers)
        weights += bytes(-len(weights) % 32)
    own = {"context_length": 2048, "embedding_length": width, "block_count": LAYERS} | values
    named: dict[str, Value] = {
        "general.architecture": kind,
        "general.file_type": 0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": [f"token{number}" for number in range(VOCABULARY)],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": VOCABULARY - 2,
        "tokenizer.ggml.eos_token_id": VOCABULARY - 1,
    }
    without = (
        "llama.context_length",
        "llama.rope.freq_base",
        "tokenizer.chat_template",
        "tokenizer.ggml.token_type",
    )
    named |= {f"{kind}.{name}": value for name, value in own.items()}
    return gguf(named, without=without, tensors=tuple(tensors), weights=weights)


def _numbers(name: str, shape: tuple[int, ...], chance: random.Random) -> list[float]:
    size = 1
    for length in shape:
        size *= length
    if "norm" in name or name.endswith("ssm_d"):
        return [1.0] * size
    if name.endswith("ssm_a"):
        return [-1.0] * size
    return [chance.gauss(0, 0.3) for _ in range(size)]
