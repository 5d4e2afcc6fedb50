"""Whatever lies in a model folder, reading it gives a card or an error of ours, soon and in little memory."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.errors import ModelDamaged, ModelNotFound
from fireside.models import folder as folders
from fireside.models.foreign import Damaged
from fireside.models.inspection import read_facts
from fireside.models.safetensors import read_shard
from made_folder import FALCON, framed, safetensors, write_folder

SOUND = safetensors()
LEAST = 6 << 20


def header(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


def one(**changed: Any) -> bytes:
    return header(a={"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changed)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (b"", "cut short"),
        (SOUND[:-1], "cut short or too long"),
        (SOUND + b"\0", "cut short or too long"),
        (SOUND[:40], "cut short"),
        ((1 << 62).to_bytes(8, "little") + b"{}", "cut short"),
        (framed(b"{}", 0), "no weights"),
        (framed(b"[]", 0), "no JSON object"),
        (framed(b"\xff\xfe", 0), "no sound JSON"),
        (framed(b"[" * 100_000, 0), "no sound JSON"),
        (framed(b'{"a":' + b"9" * 10_000 + b"}", 0), "no sound JSON"),
        (framed(b'{"a":NaN}', 0), "NaN"),
        (framed(b'{"a":{},"a":{}}', 0), "given twice"),
        (framed(one(), 4), "too long"),
        (framed(one(dtype="PICKLE"), 8), "unknown type"),
        (framed(one(dtype=["F32"]), 8), "isn't described"),
        (framed(one(shape=[2, 2]), 8), "bytes that its shape"),
        (framed(one(shape=[-2]), 8), "impossible shape"),
        (framed(one(shape=[2.0]), 8), "impossible shape"),
        (framed(one(shape=[1 << 62]), 8), "impossible shape"),
        (framed(one(shape=[1 << 40] * 16), 8), "impossible shape"),
        (framed(one(shape=[1] * 17), 8), "impossible shape"),
        (framed(one(data_offsets=[-8, 0]), 8), "bytes that its shape"),
        (framed(one(data_offsets=[8, 16]), 16), "overlap or leave holes"),
        (framed(one(data_offsets=[0, 8, 16]), 16), "isn't described"),
        (framed(one(data_offsets=[1 << 70, (1 << 70) + 8]), 8), "overlap or leave holes"),
        (framed(header(a=json.loads(one())["a"], b=json.loads(one())["a"]), 8), "overlap or leave holes"),
    ],
)
def test_weights_that_are_damaged_are_refused_with_what_is_wrong(
    tmp_path: Path, weights: bytes, reason: str
) -> None:
    with pytest.raises(ModelDamaged, match=reason) as refused:
        read_facts(write_folder(tmp_path / "model", model_safetensors=weights))
    assert refused.value.hint


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"null",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"model_type":"x","model_type":"y"}',
        b'{"model_type":Infinity}',
        b'{"model_type":{}}',
        b'{"hidden_size":' + b"1" * 100_000 + b"}",
        b" " * (folders.MAX_JSON_BYTES + 1),
        b'{"model_type":"\xed\xa0\x80"}',
    ],
)
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, config: bytes) -> None:
    with pytest.raises(ModelDamaged):
        read_facts(write_folder(tmp_path / "model", config_json=config))


def test_senseless_values_are_left_out_and_not_believed(tmp_path: Path) -> None:
    senseless = {
        "model_type": "llama",
        "architectures": "LlamaForCausalLM\x1b]52;c;aGk=\x07",
        "hidden_size": 10**300,
        "num_hidden_layers": True,
        "num_attention_heads": -4,
        "max_position_embeddings": "many",
        "torch_dtype": ["x"],
        "text_config": 7,
        "quantization_config": [],
        "auto_map": "x",
        "vision_config": None,
    }
    facts = read_facts(write_folder(tmp_path / "model", config_json=senseless, tokenizer_config_json=None))
    assert (facts.context_length, facts.needs_trust, facts.sees) == (None, False, False)
    assert facts.dimensions.cache_token_bytes == 0


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def linked_out(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/hostname")


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def endless(path: Path) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: takes no room


def looped(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


@pytest.mark.parametrize("put", [fifo, linked_out, folder, endless, looped], ids=lambda put: put.__name__)
@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer_config.json",
        "generation_config.json",
        "model.safetensors",
        "model.safetensors.index.json",
        "chat_template.jinja",
        "chat_template.json",
        "README.md",
    ],
)
def test_what_is_no_plain_file_is_not_waited_for_nor_followed(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    path = write_folder(tmp_path / "model")
    put(path / name)
    tracemalloc.start()
    with contextlib.suppress(ModelDamaged, ModelNotFound):
        read_facts(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * folders.MAX_JSON_BYTES
    if put is linked_out:
        with pytest.raises(ModelDamaged, match="leads out of the folder"):
            read_facts(path)


def test_a_shard_is_named_inside_of_the_folder_only(tmp_path: Path) -> None:
    (tmp_path / "outside.safetensors").write_bytes(SOUND)
    for name in (
        "../outside.safetensors",
        str(tmp_path / "outside.safetensors"),
        "a/../../outside.safetensors",
    ):
        path = write_folder(tmp_path / "model", model_safetensors=None)
        (path / "other.safetensors").write_bytes(SOUND)
        index = {"weight_map": {"embed.weight": name, "norm.weight": name}}
        (path / folders.INDEX).write_text(json.dumps(index))
        with pytest.raises(ModelDamaged, match="is missing"):
            read_facts(path)
        shutil.rmtree(path)


def test_the_same_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "model", model_safetensors=None)
    for name in ("a.safetensors", "b.safetensors"):
        (path / name).write_bytes(SOUND)
    index = {"weight_map": {"embed.weight": "a.safetensors", "norm.weight": "b.safetensors"}}
    (path / folders.INDEX).write_text(json.dumps(index))
    with pytest.raises(ModelDamaged, match="same tensor"):
        read_facts(path)


def test_weights_for_another_library_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="MLX"):
        read_facts(write_folder(tmp_path / "m", model_safetensors=safetensors(metadata={"format": "mlx"})))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [*FALCON, "text_config", "quantization_config", "chat_template", "weight_map", "auto_map"]
)
TARGETS = ["config.json", "tokenizer_config.json", "generation_config.json", "model.safetensors.index.json"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.sampled_from(TARGETS), changed=st.dictionaries(KEYS, JSON, max_size=6))
def test_any_json_gives_a_card_or_an_error_of_ours(
    tmp_path: Path, target: str, changed: dict[str, Any]
) -> None:
    path = write_folder(tmp_path / "model")
    (path / target).write_text(json.dumps(FALCON | changed))
    with contextlib.suppress(ModelDamaged, ModelNotFound):
        read_facts(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.sampled_from(["model.safetensors", "config.json", "README.md"]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=9)), max_size=4),
    cut=st.integers(0, 400),
)
def test_any_bytes_give_a_card_or_an_error_of_ours(
    tmp_path: Path, target: str, changes: list[tuple[int, bytes]], cut: int
) -> None:
    path = write_folder(tmp_path / "model")
    data = bytearray((path / target).read_bytes())
    for position, replacement in changes:
        data[position % len(data) : position % len(data) + len(replacement)] = replacement
    (path / target).write_bytes(data[: max(1, len(data) - cut)] if cut % 3 else data)
    folders._remembered.cache_clear()
    tracemalloc.start()
    with contextlib.suppress(ModelDamaged, ModelNotFound):
        read_facts(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LEAST


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=4)), max_size=3)
)
def test_what_we_take_for_sound_the_real_library_loads(
    tmp_path: Path, changes: list[tuple[int, bytes]]
) -> None:
    library = pytest.importorskip("safetensors")
    data = bytearray(SOUND)
    for position, replacement in changes:
        data[position : position + len(replacement)] = replacement
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    try:
        shard = read_shard(path)
    except Damaged:
        return
    theirs = dict(library.deserialize(path.read_bytes()))
    assert shard.names == set(theirs)
    assert sum(shard.elements.values()) == sum(math.prod(one["shape"]) for one in theirs.values())
