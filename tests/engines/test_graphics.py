"""How much memory graphics processors have, as their drivers tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.engines.graphics import graphics_bytes, of_amd


def driver(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_memory_of_all_processors_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, "echo 24564; echo 8192", monkeypatch)
    assert graphics_bytes() == (24564 + 8192) * 2**20


@pytest.mark.parametrize("script", ["echo 'No devices were found'; exit 6", "echo '[N/A]'", "exit 9"])
def test_a_driver_that_does_not_tell_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    driver(tmp_path, script, monkeypatch)
    assert graphics_bytes() in (None, of_amd())


def test_amds_driver_tells_it_in_files(tmp_path: Path) -> None:
    for number, text in enumerate(("8573157376\n", "nonsense")):
        folder = tmp_path / f"card{number}" / "device"
        folder.mkdir(parents=True)
        (folder / "mem_info_vram_total").write_text(text)
    assert of_amd(tmp_path) == 8573157376
    assert of_amd(tmp_path / "none") is None
