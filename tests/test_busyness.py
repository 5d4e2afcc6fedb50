"""Others are noticed by what they compute just now, not by what went on in the last minutes."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fireside import busyness


@pytest.mark.parametrize(("worked", "idle", "busy"), [(0, 100, False), (20, 80, False), (30, 70, True)])
async def test_a_quarter_of_the_cores_time_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worked: int, idle: int, busy: bool
) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu 900000 0 0 100 0 0 0 0 0 0\n")

    async def later(_seconds: float) -> None:
        stat.write_text(f"cpu {900_000 + worked} 0 0 {100 + idle} 0 0 0 0 0 0\n")

    monkeypatch.setattr(asyncio, "sleep", later)
    assert await busyness.others_compute(stat) is busy


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu one two\n"])
async def test_where_the_system_does_not_tell_nobody_computes(tmp_path: Path, text: str) -> None:
    stat = tmp_path / "stat"
    stat.write_text(text)
    assert not await busyness.others_compute(stat)
    assert not await busyness.others_compute(tmp_path / "missing")


@pytest.mark.skipif(not busyness.STAT.exists(), reason="only Linux tells")
async def test_programs_that_compute_are_noticed() -> None:
    """Half of the cores, on however many: a quarter is enough."""
    count = math.ceil((os.cpu_count() or 1) / 2)
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        assert await busyness.others_compute()
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
