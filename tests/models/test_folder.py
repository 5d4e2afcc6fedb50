"""A folder of PyTorch's kind says what it is, and nothing in it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fireside.cards import ModelCard
from fireside.errors import FiresideError, ModelDamaged, ModelNotFound
from fireside.models.inspection import inspect, read_facts
from fireside.models.library import Library
from made_folder import FALCON, safetensors, write_folder

SIZE = len(safetensors())
BERT = {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 384}


def card_of(path: Path) -> ModelCard:
    return inspect(path, reference=f"file:{path}", origin="a test")


def test_a_folder_says_what_it_is(tmp_path: Path) -> None:
    card = card_of(write_folder(tmp_path / "falcon-7b-instruct"))
    assert (card.engine, card.weights, card.architecture) == ("transformers", "safetensors", "falcon")
    assert (card.name, card.licence, card.languages) == ("falcon-7b-instruct", "Apache-2.0", ("en",))
    assert (card.parameters, card.quantization, card.size_bytes) == (36, "BF16", SIZE)
    assert (card.tuned_for, card.has_template, card.takes_tools) == ("instruct", False, False)
    assert (card.purpose, card.sees, card.tokenizer) == ("chat", False, "PreTrainedTokenizerFast")


def test_falcons_limit_holds_though_its_configuration_leaves_it_out(tmp_path: Path) -> None:
    said = write_folder(tmp_path / "said", config_json=FALCON | {"max_position_embeddings": 8192})
    unsaid = write_folder(tmp_path / "unsaid", tokenizer_config_json=None)
    wide = write_folder(tmp_path / "wide", tokenizer_config_json={"model_max_length": 10**30})
    assert [card_of(path).context_length for path in (said, unsaid, wide)] == [8192, 2048, 2048]


def test_code_for_a_family_that_transformers_knows_is_not_run(tmp_path: Path) -> None:
    brought = {"AutoModelForCausalLM": "modeling_new.NewForCausalLM"}
    new = FALCON | {"model_type": "new_kind", "auto_map": brought}
    assert not card_of(write_folder(tmp_path / "known")).needs_trust
    assert card_of(write_folder(tmp_path / "new", config_json=new)).needs_trust


def test_old_falcons_share_one_key_head_and_new_ones_say_how_many(tmp_path: Path) -> None:
    new = FALCON | {"new_decoder_architecture": True, "num_kv_heads": 8}
    old = read_facts(write_folder(tmp_path / "old")).dimensions
    assert old.cache_token_bytes == 32 * 1 * 2 * 64 * 2
    assert (old.width, old.inner_width) == (4544, 4 * 4544)
    assert read_facts(write_folder(tmp_path / "new", config_json=new)).dimensions.key_heads == 32 * 8


TEMPLATE = "{% if tools %}{% endif %}{{ enable_thinking }}"


@pytest.mark.parametrize(
    "files",
    [
        {"chat_template_jinja": TEMPLATE},
        {"chat_template_json": {"chat_template": TEMPLATE}},
        {"tokenizer_config_json": {"chat_template": TEMPLATE}},
        {"tokenizer_config_json": {"chat_template": [{"name": "default", "template": TEMPLATE}]}},
    ],
    ids=["file", "processor", "tokenizer", "several"],
)
def test_a_template_is_found_wherever_transformers_keeps_it(tmp_path: Path, files: dict[str, Any]) -> None:
    card = card_of(write_folder(tmp_path / "model", **files))
    assert (card.has_template, card.takes_tools, card.reasons) == (True, True, True)


def test_an_embedding_folder_says_so(tmp_path: Path) -> None:
    path = write_folder(
        tmp_path / "bge",
        config_json={"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 384},
    )
    write_folder(path / "1_Pooling", config_json={"pooling_mode_cls_token": True}, model_safetensors=None)
    card = card_of(path)
    assert (card.purpose, card.pooling, card.embedding_length, card.tuned_for) == (
        "embedding",
        "cls",
        384,
        None,
    )


def test_code_that_writes_is_told_by_its_role(tmp_path: Path) -> None:
    told = {"model_type": "chatglm", "architectures": ["ChatGLMModel"]}
    brought = {"auto_map": {"AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration"}}
    assert card_of(write_folder(tmp_path / "glm", config_json=told | brought)).purpose == "chat"
    assert card_of(write_folder(tmp_path / "other", config_json=told)).purpose == "embedding"
    ranks = BERT | {"architectures": ["BertForSequenceClassification"]}
    assert card_of(write_folder(tmp_path / "rank", config_json=ranks)).purpose == "ranking"


def test_what_makers_recommend_is_on_the_card(tmp_path: Path) -> None:
    told = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": -4}
    sampling = card_of(write_folder(tmp_path / "model", generation_config_json=told)).defaults.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.6, 0.95, 20)
    assert sampling.repeat_penalty is None


def two_shards(path: Path, **changed: Any) -> Path:
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = {"weight_map": {"embed.weight": names[0], "norm.weight": names[1]}}
    write_folder(path, model_safetensors=None, **changed)
    write_folder(path, **{"model.safetensors.index_json": index}, model_safetensors=None, **changed)
    (path / names[0]).write_bytes(safetensors({"embed.weight": (8, 4)}))
    (path / names[1]).write_bytes(safetensors({"norm.weight": (4,)}))
    return path


def test_shards_count_together(tmp_path: Path) -> None:
    path = two_shards(tmp_path / "model")
    card = card_of(path)
    assert card.parameters == 36
    assert card.size_bytes == sum(file.stat().st_size for file in path.glob("*.safetensors"))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    path = two_shards(tmp_path / "model")
    (path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelDamaged, match=r"model-00002-of-00002\.safetensors is missing"):
        card_of(path)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("pytorch_model.bin", "pickle"),
        ("tf_model.h5", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
        ("model.onnx", "ONNX"),
    ],
)
def test_other_weights_are_named_and_refused_unopened(tmp_path: Path, file: str, kind: str) -> None:
    path = write_folder(tmp_path / "model", model_safetensors=None)
    (path / file).mkdir()  # whoever opened it would fail in another way
    with pytest.raises(ModelDamaged, match=kind) as refused:
        card_of(path)
    assert "safetensors or GGUF" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"adapter_config_json": {}}, "adapter"),
        ({"model_index_json": {}}, "pictures"),
        ({"x_gguf": b"GGUF"}, "x.gguf"),
        ({}, "name a .gguf file"),
    ],
)
def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path, files: dict[str, Any], hint: str) -> None:
    path = write_folder(tmp_path / "x", config_json=None, model_safetensors=None, **files)
    with pytest.raises(ModelNotFound) as refused:
        card_of(path)
    assert hint in (refused.value.hint or "")


def test_weights_of_a_folder_are_measured_by_its_configuration(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "falcon-7b-instruct")
    weights = Library(tmp_path / "models", {}).weights(f"file:{path}")
    assert (weights.engine, weights.path, weights.context_length) == ("transformers", path, 2048)
    assert weights.size_bytes == SIZE
    assert weights.dimensions.cache_token_bytes == 8192


@pytest.mark.parametrize("file", ["config_json", "tokenizer_config_json", "model_safetensors"])
def test_the_identity_changes_with_every_file_that_matters(tmp_path: Path, file: str) -> None:
    path = write_folder(tmp_path / "model")
    before = read_facts(path).identity
    assert read_facts(path).identity == before
    write_folder(path, **{file: safetensors(kind="F32") if file == "model_safetensors" else FALCON})
    assert read_facts(path).identity != before


def test_nothing_more_than_an_error_of_ours_comes_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FiresideError):
        read_facts(tmp_path / "gone")


def test_a_model_that_could_see_is_shown_no_pictures_by_transformers(tmp_path: Path) -> None:
    seeing = {**FALCON, "vision_config": {"hidden_size": 8}}
    folder = write_folder(tmp_path / "seeing", config_json=seeing)
    assert read_facts(folder).sees
    assert not card_of(folder).sees
