"""What the machine has: cores, quotas, graphics processors; and what a child is given of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fireside.engines import machine
from fireside.engines.llamacpp import start
from fireside.engines.protocol import ModelFile
from fireside.settings import Settings


def test_a_child_is_given_only_what_it_needs() -> None:
    given = machine.child_environment(
        {
            "PATH": "/bin",
            "LD_LIBRARY_PATH": "/opt/lib",
            "OMP_NUM_THREADS": "2",
            "CUDA_VISIBLE_DEVICES": "0",
            "LC_ALL": "C.UTF-8",
            "HOME": "/home/alice",
            "HF_TOKEN": "hf_secret",
            "FIRESIDE_HOME": "/home/alice/.fireside",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
    )
    assert {"PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "LC_ALL"} <= set(given)
    assert not {name for name in given if name.startswith(("HOME", "HF_", "FIRESIDE", "AWS"))}


@pytest.mark.parametrize(
    ("environ", "spins"),
    [
        ({}, machine.SPINS),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, None),
        ({"OMP_NUM_THREADS": "2"}, machine.SPINS),
    ],
)
def test_threads_soon_give_up_a_core_that_they_only_wait_on(
    environ: dict[str, str], spins: str | None
) -> None:
    assert machine.child_environment(environ).get("GOMP_SPINCOUNT") == spins


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_memory_is_measured_where_the_system_tells() -> None:
    held = machine.resident_bytes(os.getpid())
    assert held is not None
    assert held > 2**20
    assert machine.resident_bytes(2**30) is None
    assert (machine.available_bytes() or 0) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="a program on PATH stands for the graphics processor")
async def test_a_graphics_processor_that_is_not_used_is_told_loudly(
    model: ModelFile, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    engine = await start(model, settings)
    await engine.aclose()
    assert engine.info.device == "cpu"
    (notice,) = engine.info.notices
    assert "NVIDIA" in notice
    assert "CUDA" in notice
