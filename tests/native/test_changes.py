"""What is changed in the engine's source: that it is found where it is put, and what the changes do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fireside.native import changes
from fireside.native.changes import Change

HERE = Path(__file__).parent


def compiled(source: Path, tmp_path: Path, compiler: str, *options: str) -> Path:
    found = shutil.which(compiler)
    if found is None:
        pytest.skip("needs a compiler of the system")
    program = tmp_path / source.stem
    command = [found, "-O2", "-Wall", "-Wextra", "-Werror", *options, f"-I{changes.FOLDER}"]
    subprocess.run([*command, source, "-o", program], check=True)
    return program


def test_a_change_is_made_where_its_place_stands_once() -> None:
    before = "one\ntwo\n"
    assert Change("a.c", "two\n", "three\n").made(before) == "one\ntwo\nthree\n"
    assert Change("a.c", "two\n", "three\n", "before").made(before) == "one\nthree\ntwo\n"
    assert Change("a.c", "two\n", "three\n", "instead").made(before) == "one\nthree\n"
    for unknown in ("four\n", "o"):
        with pytest.raises(ValueError, match=r"a\.c"):
            Change("a.c", unknown, "").made(before)


def test_headers_are_put_beside_the_files_that_include_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "CHANGES", (Change(changes.DRAFTS, "begin", " here"),))
    for file in changes.HEADERS.values():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("begin\r\n", newline="")
    changes.apply(tmp_path)
    assert (tmp_path / changes.DRAFTS).read_text() == "begin here\n"
    for name, beside in changes.HEADERS.items():
        assert (tmp_path / beside).with_name(name).read_text() == (changes.FOLDER / name).read_text()


def test_other_changes_have_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = changes.version()
    assert changes.version() == before
    monkeypatch.setattr(changes, "CHANGES", changes.CHANGES[1:])
    assert changes.version() != before


@pytest.mark.parametrize(
    ("right", "drafted"),
    [
        ((), "2"),
        ((2, 4, 8, 16), "2 4 8 16 32"),
        ((2, 4, 3, 3), "2 4 8 3 6"),
        ((0, 0, 1), "2 1 1 2"),
        ((2, 0, 4), "2 4 1 2"),
    ],
)
def test_drafts_grow_while_they_are_right(tmp_path: Path, right: tuple[int, ...], drafted: str) -> None:
    program = compiled(HERE / "drafts.cpp", tmp_path, "c++", "-std=c++17")
    told = subprocess.run([program, *map(str, right)], capture_output=True, check=True, text=True).stdout
    # Another reply begins as the first did.
    assert told.split() == [*drafted.split(), "2"]


def test_attention_is_what_sums_in_double_precision_are(tmp_path: Path) -> None:
    # Plain instructions and the machine's own take different ways through it.
    for options in (["-Wno-psabi"], ["-march=native"]):
        program = compiled(HERE / "attention.cpp", tmp_path, "c++", "-std=c++20", "-pthread", *options)
        told = subprocess.run([program], capture_output=True, check=True, text=True).stdout.split()
        cases, handled, worst = int(told[0]), int(told[1]), float(told[2])
        assert handled == cases > 40
        assert worst < 1e-4


@contextmanager
def another_program(core: int) -> Iterator[None]:
    """A program that computes on a core all the time."""
    busy = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="what has no core is read from /proc")
@pytest.mark.skipif(
    not {0, 1} <= set(getattr(os, "sched_getaffinity", lambda _: set())(0)), reason="one core"
)
def test_a_thread_without_a_core_leaves_and_comes_back(tmp_path: Path) -> None:
    program = compiled(HERE / "team.c", tmp_path, "cc", "-pthread")

    def members(graphs: int) -> list[str]:
        # It ends with 1 where a sum is wrong that the threads share.
        told = subprocess.run([program, str(graphs)], capture_output=True, text=True, timeout=120)
        assert told.returncode == 0, told.stdout[-200:]
        return told.stdout.split()

    with another_program(1):
        beside = members(300)
    assert beside.count("1") > 200
    # A machine may be busy when nobody asked for it, but not so long.
    assert any("2" in members(300) for _ in range(20))
