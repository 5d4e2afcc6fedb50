"""Which format each tensor gets: as llama.cpp's own tool chooses it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fireside.conversions import KINDS
from fireside.models.gguf import read_tensor_table
from fireside.models.gguf_types import TENSOR_TYPES
from fireside.models.mixture import BASES, NUMBERS, Shape, mixture
from fireside.models.tensors import Tensor

# Counted in what llama-quantize made of the same file.
OF_SMOLLM2 = {
    "Q8_0": {"Q8_0": 211, "F32": 61},
    "Q4_0": {"Q4_0": 210, "Q8_0": 1, "F32": 61},
    "Q4_K_M": {"Q5_0": 166, "Q8_0": 15, "Q4_K": 16, "Q6_K": 14, "F32": 61},
}


def tensors(*names: str, row: int = 1024, rows: int = 1024, kind: str = "F16") -> list[Tensor]:
    return [Tensor(name, kind, row * rows, 0, 0, NUMBERS[kind], row, 2) for name in names]


def chosen(
    names: list[Tensor], kind: str, architecture: str = "llama", layers: int = 32, experts: int = 0
) -> dict[str, str]:
    made = mixture(names, Shape(architecture, layers, experts), kind)
    return {one.name: TENSOR_TYPES[one.number] for one in made}


def blocks(layers: int, *names: str) -> list[str]:
    return [f"blk.{layer}.{name}.weight" for layer in range(layers) for name in names]


def test_there_is_a_mixture_for_each_format_that_is_offered() -> None:
    assert set(BASES) == set(KINDS)


@pytest.mark.parametrize("kind", OF_SMOLLM2)
def test_the_small_models_tensors_get_what_they_get_elsewhere(kind: str, smollm2: Path) -> None:
    values, table = read_tensor_table(smollm2)
    made = mixture(table, Shape("llama", values.whole("llama.block_count") or 0), kind)
    assert Counter(TENSOR_TYPES[one.number] for one in made) == OF_SMOLLM2[kind]


def test_layers_that_matter_get_more_bits() -> None:
    made = chosen(tensors(*blocks(32, "attn_v", "ffn_down", "attn_q", "ffn_up")), "Q4_K_M")
    more = [name for name, kind in made.items() if kind == "Q6_K"]
    assert {name.split(".")[2] for name in more} == {"attn_v", "ffn_down"}
    layers = {int(name.split(".")[1]) for name in more}
    assert {0, 1, 2, 3, 28, 29, 30, 31} < layers
    assert len(layers) == 16
    assert set(made.values()) == {"Q6_K", "Q4_K"}


def test_an_output_of_its_own_gets_more_bits_than_the_table_of_words() -> None:
    both = tensors("token_embd.weight", "output.weight")
    assert chosen(both, "Q4_0") == {"output.weight": "Q6_K", "token_embd.weight": "Q4_0"}
    assert chosen(both[:1], "Q4_0") == {"token_embd.weight": "Q6_K"}
    assert chosen(both, "Q4_0", "falcon")["output.weight"] == "Q8_0"


def test_what_is_small_and_matters_is_left_as_it_is() -> None:
    left = tensors("blk.0.attn_norm.weight", "blk.0.ffn_gate_inp.weight", "blk.0.attn_q.bias", kind="F32")
    assert set(chosen(left, "Q4_0").values()) == {"F32"}
    flat = [Tensor("output_norm.weight", "F32", 1024, 0, 0, 0, 1024, 1)]
    assert set(chosen(flat, "Q4_0").values()) == {"F32"}


def test_experts_are_counted_by_their_layer() -> None:
    names = tensors(*blocks(16, "ffn_down_exps", "ffn_down_shexp"))
    made = chosen(names, "Q4_K_M", layers=16, experts=64)
    assert made["blk.15.ffn_down_exps.weight"] == made["blk.15.ffn_down_shexp.weight"] == "Q6_K"
    assert made["blk.2.ffn_down_exps.weight"] == "Q4_K"


def test_a_mixture_of_eight_keeps_its_keys_and_values() -> None:
    made = chosen(tensors(*blocks(2, "attn_k", "attn_v", "attn_output")), "Q4_K_M", layers=2, experts=8)
    assert made["blk.0.attn_k.weight"] == made["blk.1.attn_v.weight"] == "Q8_0"
    assert made["blk.0.attn_output.weight"] == "Q5_K"


def test_tensors_are_written_layer_by_layer() -> None:
    made = mixture(tensors(*blocks(11, "ffn_up"), "token_embd.weight"), Shape("llama", 11), "Q8_0")
    assert [one.name for one in made][:3] == [
        "token_embd.weight",
        "blk.0.ffn_up.weight",
        "blk.1.ffn_up.weight",
    ]
    assert made[-1].name == "blk.10.ffn_up.weight"


def test_rows_that_no_block_fits_become_sixteen_bits() -> None:
    assert chosen(tensors("blk.0.ffn_up.weight", row=40), "Q4_0") == {"blk.0.ffn_up.weight": "F16"}
