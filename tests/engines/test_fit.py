"""What a model takes of memory, and what there is of it in containers too."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from fireside.app import App
from fireside.engines import control_groups, machine
from fireside.engines.fit import memory_allows, need_of, refuse_what_never_fits
from fireside.engines.leases import Engines
from fireside.engines.llamacpp import start
from fireside.engines.protocol import ModelFile
from fireside.errors import NotEnoughMemory
from fireside.models.gguf import read_header
from fireside.settings import Home, Settings
from made_gguf import Value, gguf
from scripted import ScriptedStart, a_model

GB = 1_000_000_000
UNLIMITED_V1 = 9_223_372_036_854_771_712
"""what version 1 says where there is no limit"""


def model(path: Path, weights: int, **changes: object) -> ModelFile:
    """Return a model file of so many bytes, none of them on the disk."""
    with path.open("wb") as file:
        file.truncate(weights)
    return msgspec.structs.replace(a_model(), path=path, **changes)


@pytest.fixture
def one_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_bytes", lambda: GB)
    monkeypatch.setattr(machine, "graphics_device", lambda: None)


@pytest.mark.usefixtures("one_gb")
async def test_a_model_that_can_never_fit_is_refused_with_numbers_before_it_is_loaded(tmp_path: Path) -> None:
    large = model(tmp_path / "large.gguf", 3 * GB)
    refuse_what_never_fits(large, 2, held_bytes=5 * GB // 2)
    start_scripted = ScriptedStart()
    engines = Engines(start_scripted, Settings())
    with pytest.raises(NotEnoughMemory, match=r"3\.1 GB of memory: 3\.0 GB .* 1\.0 GB can be had"):
        await engines.lease(large).__aenter__()
    assert start_scripted.loads == []
    assert engines.queued == 0
    await engines.aclose()


@pytest.mark.usefixtures("one_gb")
def test_the_context_of_all_slots_counts_and_the_hint_names_it(tmp_path: Path) -> None:
    long = model(tmp_path / "long.gguf", GB // 10, context_length=32_768, cache_token_bytes=23_040)
    refuse_what_never_fits(long, 1, 0)
    with pytest.raises(NotEnoughMemory, match=r"1\.5 GB for 2 × 32,768 tokens") as refused:
        refuse_what_never_fits(long, 2, 0)
    assert "context_length" in str(refused.value.hint)
    assert not memory_allows(long, 1)
    assert memory_allows(msgspec.structs.replace(long, context_length=2048), 1)


DIMENSIONS: dict[str, Value] = {
    "llama.block_count": 30,
    "llama.embedding_length": 576,
    "llama.feed_forward_length": 1536,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
}


@pytest.mark.parametrize(
    ("values", "cache_token_bytes"),
    [
        (DIMENSIONS, 30 * 3 * 64 * 2 * 2),
        ({**DIMENSIONS, "llama.attention.key_length": 128}, 30 * 3 * (128 + 64) * 2),
        ({**DIMENSIONS, "llama.attention.head_count_kv": [0, 0, 3, 0, 5]}, 8 * 64 * 2 * 2),
        ({key: value for key, value in DIMENSIONS.items() if "kv" not in key}, 30 * 9 * 64 * 2 * 2),
        ({}, 0),
    ],
    ids=["plain", "longer keys", "layer by layer", "every head", "unknown"],
)
def test_a_header_tells_what_a_token_takes(
    tmp_path: Path, values: dict[str, Value], cache_token_bytes: int
) -> None:
    path = tmp_path / "made.gguf"
    path.write_bytes(gguf(values))
    assert read_header(path).dimensions.cache_token_bytes == cache_token_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
async def test_what_is_reckoned_is_what_the_small_model_takes(tmp_path: Path, smollm2: Path) -> None:
    settings = Settings(model=f"file:{smollm2}", slots=3, context_length=4096, threads=1, prompt_threads=1)
    app = App.open(settings, Home(tmp_path, tmp_path))
    file = await app.files.ensure(settings.model, lambda event: None)
    await app.aclose()
    need = need_of(file, 3)
    assert need is not None
    assert need.context == 3 * 4096 * 30 * 3 * 64 * 2 * 2
    engine = await start(file, settings)
    held = machine.resident_bytes(engine.info.pid or 0)
    await engine.aclose()
    assert held is not None
    assert 0.85 < need.total / held < 1.2, (need, held)


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        written = (
            "\n".join(f"{key} {value}" for key, value in text.items()) if isinstance(text, dict) else text
        )
        (folder / name.replace("__", ".")).write_text(f"{written}\n")


def left(tmp_path: Path, membership: str) -> int | None:
    (tmp_path / "cgroup").write_text(membership)
    return control_groups.memory_left(tmp_path / "cgroup", tmp_path / "fs")


def test_version_2_counts_every_group_around_the_process(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(root, cgroup__controllers="memory")
    group(root / "user", memory__max=3 * GB, memory__current=2 * GB, memory__stat={"anon": 1})
    group(root / "user" / "app", memory__max="max", memory__current=GB, memory__high="max")
    assert left(tmp_path, "0::/user/app\n") == GB
    group(root / "user" / "app", memory__high=3 * GB // 2)
    assert left(tmp_path, "0::/user/app\n") == GB // 2
    assert left(tmp_path, "0::/user\n") == GB
    assert left(tmp_path, "0::/elsewhere\n") is None
    assert left(tmp_path, "") is None


def test_what_files_left_in_the_cache_can_be_had_back_but_not_what_is_mapped(tmp_path: Path) -> None:
    counted = {
        "inactive_file": 500,
        "active_file": 300,
        "file_mapped": 200,
        "slab_reclaimable": 50,
        "anon": 9,
    }
    root = tmp_path / "fs"
    group(root, cgroup__controllers="memory", memory__max=2000, memory__current=1900, memory__stat=counted)
    assert left(tmp_path, "0::/\n") == 100 + 600 + 50
    assert left(tmp_path, "0::/../../outside\n") == 750
    group(root, memory__current=3000, memory__stat={})
    assert left(tmp_path, "0::/\n") == 0


def test_version_1_has_other_names_for_the_same(tmp_path: Path) -> None:
    memory = tmp_path / "fs" / "memory"
    counted = {
        "total_inactive_file": 500,
        "total_active_file": 300,
        "total_mapped_file": 200,
        "inactive_file": 1,
    }
    inside = {"memory__limit_in_bytes": 2000, "memory__usage_in_bytes": 1900, "memory__stat": counted}
    group(memory / "docker" / "abc", **inside)
    group(memory, memory__limit_in_bytes=UNLIMITED_V1, memory__usage_in_bytes=5000)
    lines = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n"
    assert left(tmp_path, lines) == 100 + 600
    assert (left(tmp_path, lines.replace("abc", "seen/from/outside")) or 0) > 2**60


@pytest.mark.parametrize("nonsense", ["", "-1", "many", "9" * 5])
def test_nonsense_in_a_group_is_no_limit(tmp_path: Path, nonsense: str) -> None:
    group(tmp_path / "fs", cgroup__controllers="", memory__max=nonsense, memory__current="?")
    assert left(tmp_path, "0::/\nwhat\n") is None


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_the_tighter_of_machine_and_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = machine.available_bytes()
    assert whole is not None
    monkeypatch.setattr(machine, "memory_left", lambda: 12_345)
    assert machine.available_bytes() == 12_345
    monkeypatch.setattr(machine, "memory_left", lambda: None)
    assert (machine.available_bytes() or 0) > 12_345
