"""A model of several files is one model, a projector beside it lets it see, and its header tells the rest."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

import made_gguf
import made_models
from fireside.cards import ModelCard
from fireside.engines.llamacpp import start
from fireside.engines.protocol import Piece
from fireside.errors import ModelDamaged
from fireside.messages import Sampling
from fireside.model_files import ModelFiles
from fireside.models.gguf import read_header
from fireside.models.gguf_model import projector_beside
from fireside.models.inspection import inspect
from fireside.models.library import Library
from fireside.settings import Settings

Value = made_gguf.Value
PART: dict[str, Value] = {"split.no": 1, "split.count": 3}


def card_of(path: Path) -> ModelCard:
    return inspect(path, reference=f"file:{path}", origin="a test")


def write(path: Path, values: dict[str, Value] | None = None, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made_gguf.gguf(values, **more))
    return path


def split(folder: Path, count: int = 3) -> Path:
    """Write a model in several files as llama-gguf-split does: only the first says what the model is."""
    names = [folder / f"m-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    for number, path in enumerate(names):
        told: dict[str, Value] = {"split.no": number, "split.count": count, "split.tensors.count": 2 * count}
        without = () if number == 0 else tuple(made_gguf.VALUES)
        write(path, told, without=without)
    return names[0]


def test_several_files_are_one_model(tmp_path: Path) -> None:
    first = split(tmp_path)
    card = card_of(first)
    assert card.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (card.name, card.parameters, card.path) == ("Tiny", 3 * 136, str(first))
    before = Library(tmp_path, {}).weights(str(first))
    later = tmp_path / "m-00003-of-00003.gguf"
    later.touch()
    assert Library(tmp_path, {}).weights(str(first)).identity != before.identity
    assert before.size_bytes == card.size_bytes


def test_a_later_file_points_to_the_first(tmp_path: Path) -> None:
    first = split(tmp_path)
    with pytest.raises(ModelDamaged, match="part 2 of 3") as refused:
        card_of(tmp_path / "m-00002-of-00003.gguf")
    assert str(first) in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "is missing, part 2 of 3"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "cut short"),
        (lambda path: write(path), "not part 2 of 3"),
        (
            lambda path: write(path, {"split.no": 1, "split.count": 3}, tensors=made_gguf.TENSORS[:1]),
            "5 tensors",
        ),
        (lambda path: path.with_name("m-00001-of-00003.gguf").rename(path.with_name("m.gguf")), "renamed"),
    ],
)
def test_a_model_that_isnt_whole_is_refused(tmp_path: Path, change: Any, reason: str) -> None:
    first = split(tmp_path)
    change(tmp_path / "m-00002-of-00003.gguf")
    with pytest.raises(ModelDamaged, match=reason) as refused:
        card_of(first if first.exists() else tmp_path / "m.gguf")
    assert refused.value.hint


def test_a_model_that_claims_endless_parts_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="one of 4,294,967,295"):
        card_of(write(tmp_path / "m-00001-of-00002.gguf", {"split.count": 2**32 - 1}))


async def test_the_engine_loads_all_files_of_what_gguf_py_split(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    whole = tmp_path / "whole.gguf"
    whole.write_bytes(made_models.sliding_window())
    reader = gguf.GGUFReader(whole)
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "gemma3", split_max_tensors=10)
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    first = next(tmp_path.glob("m-00001-of-*.gguf"))
    assert len(list(tmp_path.glob("m-*.gguf"))) > 2
    assert card_of(first).parameters == card_of(whole).parameters
    settings = Settings(threads=1, prompt_threads=1, context_length=256)
    said = []
    for path in (whole, first):
        model = ModelFiles(Library(tmp_path, {}), settings).at_hand(f"file:{path}")
        assert model is not None
        engine = await start(model, settings)
        try:
            async with aclosing(engine.generate((1, 2, 3), Sampling(temperature=0.0), max_tokens=4)) as steps:
                said.append([step.ids async for step in steps if isinstance(step, Piece)])
        finally:
            await engine.aclose()
    assert said[0] == said[1]


def projector(path: Path, width: int | None, **more: Value) -> Path:
    told: dict[str, Value] = {"general.architecture": "clip", "general.type": "mmproj", **more}
    if width:
        told["clip.vision.projection_dim"] = width
    return write(path, told, tensors=(made_gguf.tensor("v.patch_embd.weight", (8,), made_gguf.F32, 0),))


def test_a_projector_of_the_same_width_lets_a_model_see(tmp_path: Path) -> None:
    model = write(tmp_path / "model.gguf", {"llama.embedding_length": 64})
    assert (card_of(model).sees, projector_beside(model)) == (False, None)
    projector(tmp_path / "mmproj-other.gguf", 32)
    (tmp_path / "mmproj-broken.gguf").write_bytes(b"GGUF")
    assert not card_of(model).sees
    mine = projector(tmp_path / "model.mmproj-f16.gguf", 64)
    assert (card_of(model).sees, projector_beside(model)) == (True, mine)


@pytest.mark.parametrize("told", [{"general.type": "mmproj"}, {"general.type": "model"}])
def test_a_projector_is_no_model(tmp_path: Path, told: dict[str, Value]) -> None:
    path = projector(tmp_path / "mmproj.gguf", 64, **told)
    with pytest.raises(ModelDamaged, match=r"projector|vision part") as refused:
        card_of(path)
    assert refused.value.hint


@pytest.mark.parametrize("kind", ["adapter", "imatrix"])
def test_other_parts_are_no_models_either(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ModelDamaged, match=kind):
        card_of(write(tmp_path / "x.gguf", {"general.type": kind}))


def test_a_model_with_its_vision_inside_is_ollamas_alone(tmp_path: Path) -> None:
    tensors = (*made_gguf.TENSORS[:1], made_gguf.tensor("v.blk.0.x", (8,), made_gguf.F32, 96))
    for told in ({"tensors": tensors}, {"values": {"general.architecture": "gptoss"}}):
        with pytest.raises(ModelDamaged, match="only Ollama reads"):
            card_of(write(tmp_path / "gemma3.gguf", **told))


@pytest.mark.parametrize(
    ("values", "file", "tuned"),
    [
        ({"general.name": "Qwen3 4B Base"}, "x", "base"),
        ({"general.name": "Gemma 3 270m It"}, "x", "instruct"),
        ({"general.finetune": "Instruct"}, "x", "instruct"),
        ({"general.tags": ["chat"]}, "x", "instruct"),
        ({}, "Qwen3-4B-Base-Q4_K_M", "base"),
        ({}, "tiny", "instruct"),
        ({"tokenizer.chat_template": ""}, "tiny", None),
        ({"tokenizer.chat_template": ""}, "falcon-7b-instruct-q4", "instruct"),
    ],
)
def test_what_a_model_was_trained_for_is_told_by_its_names_then_by_its_template(
    tmp_path: Path, values: dict[str, Value], file: str, tuned: str | None
) -> None:
    assert card_of(write(tmp_path / f"{file}.gguf", values)).tuned_for == tuned


def test_what_the_template_can_is_on_the_card(tmp_path: Path) -> None:
    template = "{%- if tools %}{{ tools }}{% endif %}{% if enable_thinking %}{% endif %}"
    able = card_of(write(tmp_path / "able.gguf", {"tokenizer.chat_template": template}))
    plain = card_of(write(tmp_path / "plain.gguf"))
    assert (able.takes_tools, able.reasons) == (True, True)
    assert (plain.takes_tools, plain.reasons) == (False, False)


def test_what_makers_recommend_is_on_the_card_where_it_makes_sense(tmp_path: Path) -> None:
    told: dict[str, Value] = {
        "general.sampling.temp": 0.6,
        "general.sampling.top_k": 20,
        "general.sampling.top_p": 9.5,
        "general.sampling.min_p": float("nan"),
    }
    sampling = card_of(write(tmp_path / "x.gguf", told)).defaults.sampling
    assert (sampling.temperature, sampling.top_k) == (0.6, 20)
    assert (sampling.top_p, sampling.min_p) == (None, None)


def test_a_licence_that_the_hub_calls_other_is_told_by_its_name(tmp_path: Path) -> None:
    told: dict[str, Value] = {
        "general.license": "other",
        "general.license.name": "llama3.2",
        "general.license.link": "https://example.org/licence",
    }
    card = card_of(write(tmp_path / "x.gguf", told))
    assert (card.licence, card.terms) == ("Llama 3.2 Community License", "https://example.org/licence")


def test_our_reader_and_ggufs_own_agree_on_the_real_model(smollm2: Path) -> None:
    gguf = pytest.importorskip("gguf")
    header, theirs = read_header(smollm2), gguf.GGUFReader(smollm2)

    def told(key: str) -> Any:
        return theirs.get_field(key).contents()

    assert header.architecture == told("general.architecture")
    assert header.name == told("general.name")
    assert header.licence == told("general.license")
    assert list(header.languages) == told("general.languages")
    assert header.context_length == told("llama.context_length")
    assert header.tokenizer == f"{told('tokenizer.ggml.model')}/{told('tokenizer.ggml.pre')}"
    assert header.vocabulary == len(told("tokenizer.ggml.tokens"))
    assert header.elements == sum(int(tensor.n_elements) for tensor in theirs.tensors)
    assert header.tensors == len(theirs.tensors)
    assert header.dimensions.width == told("llama.embedding_length")
    assert header.dimensions.inner_width == told("llama.feed_forward_length")
    assert header.has_template == bool(told("tokenizer.chat_template"))
    assert header.quantization == gguf.LlamaFileType(told("general.file_type")).name.removeprefix("MOSTLY_")
