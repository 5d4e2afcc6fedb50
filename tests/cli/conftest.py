"""The command `fireside` as a person runs it, in a home whose server the first command starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fireside.settings import Home
from starting import moved_home

Fireside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cli_home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Home]:
    with moved_home(tmp_path_factory.mktemp("home"), smollm2) as moved:
        yield moved


@pytest.fixture
def fireside(cli_home: Home) -> Fireside:
    """Run a command and return what it printed; it must succeed unless another `code` is named."""

    def run(*arguments: object, given: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fireside", *map(str, arguments)]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stderr
        return done

    return run
