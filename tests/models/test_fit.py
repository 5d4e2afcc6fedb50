"""What is reckoned of a model before it runs, from its header and a few speeds of the machine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fireside.cards import ModelCard
from fireside.models.demand import Demand, TensorGroup, demand_of_card, demand_of_header
from fireside.models.dimensions import Dimensions
from fireside.models.fit import Machine, Measured, Rate, predict, reading_s, usual_machine, writing_s
from fireside.models.gguf import read_header
from fireside.predictions import WORDS_PER_TOKEN, in_words
from made_gguf import Value, gguf

GB = 10**9
MACHINE = Machine(
    rates={"Q4_K": Rate(10e9, 100e9), "Q8_0": Rate(8e9, 90e9)},
    bandwidth_bytes_per_s=10e9,
    layer_s=1e-5,
    value_s=0,
    attention_s=0,
    attention_reading_s=0,
    cores=4,
    available_bytes=8 * GB,
)
LAYERS = Dimensions(width=64, inner_width=128, key_heads=8, head_bytes=256, layers=4, query_values=256)


def demand(*groups: TensorGroup, **changes: object) -> Demand:
    found = Demand(sum(group.size_bytes for group in groups), groups, LAYERS, 1000, 4096)
    return msgspec.structs.replace(found, **changes)


def test_a_token_takes_what_is_slower_of_fetching_and_multiplying() -> None:
    light = demand(TensorGroup("Q4_K", "layers", GB, GB // 2))
    heavy = demand(TensorGroup("Q4_K", "layers", GB, 2 * GB))
    assert writing_s(light, MACHINE) == pytest.approx(0.1 + 4e-5)
    assert writing_s(heavy, MACHINE) == pytest.approx(0.2 + 4e-5)


def test_a_table_of_words_is_looked_up_and_an_output_is_multiplied() -> None:
    layers = TensorGroup("Q4_K", "layers", GB, GB // 2)
    with_rows = demand(layers, TensorGroup("Q8_0", "rows", GB, GB))
    with_output = demand(layers, TensorGroup("Q8_0", "output", GB, GB))
    assert writing_s(with_rows, MACHINE) == pytest.approx(0.1 + 4e-5)
    assert writing_s(with_output, MACHINE) == pytest.approx(0.1 + 0.125 + 4e-5)
    assert reading_s(with_output, MACHINE) == reading_s(with_rows, MACHINE) == pytest.approx(0.01)


def test_a_token_meets_its_own_experts_only_and_memory_holds_all() -> None:
    experts = demand(TensorGroup("Q4_K", "experts", 8 * GB, 4 * GB))
    some = msgspec.structs.replace(experts, dimensions=msgspec.structs.replace(LAYERS, experts_share=1 / 8))
    assert writing_s(some, MACHINE) == pytest.approx(writing_s(experts, MACHINE) / 8, rel=0.01)
    assert predict(some, MACHINE).memory_bytes == predict(experts, MACHINE).memory_bytes


def test_what_was_measured_goes_before_what_is_reckoned() -> None:
    model = demand(TensorGroup("Q4_K", "layers", GB, GB // 2))
    found = predict(model, MACHINE, measured=Measured(64.0, 12.0, 1.5))
    assert (found.basis, found.reply_tokens_per_s, found.prompt_tokens_per_s) == ("measured", 12.0, 64.0)
    assert found.words_per_s == 12.0 * WORDS_PER_TOKEN
    assert found.first_word_s == pytest.approx(128 / 64 + 1 / 12)
    assert found.load_s == 1.5


def test_models_that_ran_here_correct_the_others_of_their_format() -> None:
    model = demand(TensorGroup("Q4_K", "layers", GB, GB // 2))
    slower = msgspec.structs.replace(MACHINE, corrections={"Q4_K": Rate(0.5, 1.0), "": Rate(2.0, 2.0)})
    plain, corrected = predict(model, MACHINE), predict(model, slower)
    assert corrected.reply_tokens_per_s == pytest.approx((plain.reply_tokens_per_s or 0) / 2)
    assert corrected.prompt_tokens_per_s == plain.prompt_tokens_per_s
    other = demand(TensorGroup("Q8_0", "layers", GB, GB))
    assert predict(other, slower).words_per_s == pytest.approx(2 * (predict(other, MACHINE).words_per_s or 0))


@pytest.mark.parametrize("kind", ["IQ1_S", "TQ2_0", "MXFP4", "F32", "type 99"])
def test_a_format_that_was_not_measured_has_another_stand_for_it(kind: str) -> None:
    assert predict(demand(TensorGroup(kind, "layers", GB, GB)), MACHINE).words_per_s


def test_what_does_not_fit_is_said() -> None:
    found = predict(demand(TensorGroup("Q4_K", "layers", 20 * GB, 12 * GB)), MACHINE)
    assert found.fits is False
    assert in_words(found) == "does not fit: 12 of 8.0 GB"
    assert predict(demand(TensorGroup("Q8_0", "layers", GB, GB)), MACHINE).fits is True
    nobody_tells = msgspec.structs.replace(MACHINE, available_bytes=None)
    assert predict(demand(TensorGroup("Q8_0", "layers", GB, GB)), nobody_tells).fits is None


def test_a_model_that_fits_is_never_said_to_take_more_than_there_is() -> None:
    model = demand(TensorGroup("Q4_K", "layers", 10 * GB, 6 * GB))  # held twice where there is room
    tight, roomy = (
        predict(model, msgspec.structs.replace(MACHINE, available_bytes=available))
        for available in (8 * GB, 64 * GB)
    )
    assert tight.fits
    assert tight.memory_bytes == 8 * GB
    assert roomy.memory_bytes > 12 * GB


def test_half_of_a_model_on_the_graphics_processor_is_said_and_slower() -> None:
    model = demand(TensorGroup("Q8_0", "layers", 10 * GB, 10 * GB))
    graphics = msgspec.structs.replace(
        MACHINE, rates={"Q8_0": Rate(400e9, 9e12)}, bandwidth_bytes_per_s=400e9, available_bytes=64 * GB
    )
    whole = predict(model, msgspec.structs.replace(graphics, graphics_bytes=24 * GB))
    half = predict(model, msgspec.structs.replace(graphics, graphics_bytes=6 * GB))
    assert (whole.graphics_share, whole.available_bytes) == (1.0, 24 * GB)
    assert half.graphics_share == pytest.approx(0.5, abs=0.06)
    assert (half.words_per_s or 0) < (whole.words_per_s or 0) / 5
    assert "on the graphics processor" in in_words(half)
    assert "on the graphics processor" not in in_words(whole)


def test_a_longer_conversation_takes_memory_up_to_what_the_model_was_made_for() -> None:
    model = demand(TensorGroup("Q8_0", "layers", GB, GB))
    short, long = (predict(model, MACHINE, context_length=length) for length in (1024, 4096))
    assert long.memory_bytes - short.memory_bytes >= 2 * 3072 * LAYERS.cache_token_bytes
    assert predict(model, MACHINE, context_length=100_000) == long


def test_an_unmeasured_machine_is_a_guess_that_grows_with_its_cores() -> None:
    model = demand(TensorGroup("Q4_K", "layers", 4 * GB, 2 * GB))
    few, many = (predict(model, usual_machine(cores, 16 * GB)) for cores in (2, 8))
    assert few.basis == many.basis == "estimated"
    assert (many.prompt_tokens_per_s or 0) > 3 * (few.prompt_tokens_per_s or 0)


def test_a_card_alone_tells_nearly_what_the_header_tells(smollm2: Path) -> None:
    header = read_header(smollm2)
    known = demand_of_header(header)
    card = ModelCard(
        reference="pypi:x",
        name="x",
        origin="",
        licence=None,
        size_bytes=header.size_bytes,
        installed=False,
        parameters=header.elements,
        quantization=header.quantization,
        context_length=header.context_length,
    )
    machine = usual_machine(2, 16 * GB)
    rough, exact = predict(demand_of_card(card), machine), predict(known, machine)
    assert rough.words_per_s == pytest.approx(exact.words_per_s, rel=0.3)
    assert rough.memory_bytes == pytest.approx(exact.memory_bytes, rel=0.3)


def test_layers_with_a_window_keep_and_look_back_at_less(tmp_path: Path) -> None:
    values: dict[str, Value] = {
        "general.architecture": "gemma3",
        "gemma3.block_count": 18,
        "gemma3.embedding_length": 640,
        "gemma3.attention.head_count": 4,
        "gemma3.attention.head_count_kv": 1,
        "gemma3.attention.key_length": 256,
        "gemma3.attention.value_length": 256,
        "gemma3.attention.sliding_window": 512,
        "gemma3.context_length": 32_768,
    }
    path = tmp_path / "windowed.gguf"
    path.write_bytes(gguf(values))
    found = read_header(path).dimensions
    # llama.cpp reports 12.00 MiB for 3 layers of 2,048 cells and 22.50 MiB for 15 of 768, each twice.
    assert found.cache_bytes(2048) == pytest.approx((12 + 22.5) / 2 * 2**20)
    assert found.attended(512) == 18 * 4 * 256 * 512
    assert found.attended(5120) == pytest.approx(4 * 256 * (3 * 5120 + 15 * 512))


def test_a_header_tells_its_weights_by_format_and_use(smollm2: Path) -> None:
    groups = {(group.kind, group.use): group.elements for group in read_header(smollm2).groups}
    assert groups[("Q4_1", "layers")] == 106_168_320
    assert groups[("Q8_0", "output")] == 28_311_552


HUGE = 2**32 - 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"llama.block_count": HUGE, "llama.embedding_length": HUGE, "llama.attention.head_count": 1},
        {"llama.attention.sliding_window_pattern": [1] * 99, "llama.attention.sliding_window": 5},
        {"llama.block_count": 2, "llama.attention.sliding_window_pattern": HUGE},
        {"llama.expert_count": 1, "llama.expert_used_count": HUGE},
        {
            "llama.context_length": HUGE,
            "llama.attention.head_count_kv": [HUGE >> 1] * 64,
            "llama.block_count": 64,
        },
    ],
)
def test_whatever_a_header_claims_can_be_told(tmp_path: Path, values: dict[str, Value]) -> None:
    path = tmp_path / "strange.gguf"
    path.write_bytes(gguf({"general.architecture": "llama", **values}))
    found = predict(demand_of_header(read_header(path)), MACHINE, context_length=HUGE)
    assert msgspec.json.encode(found)
    assert in_words(found)
    assert found.memory_bytes > 0
