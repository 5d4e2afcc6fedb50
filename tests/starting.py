"""A home of its own for a test, in which commands may start the server; nothing is left running."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fireside.runtime import is_held, read
from fireside.settings import Home
from serving import environment, wait_for


@contextmanager
def moved_home(path: Path, model: Path) -> Iterator[Home]:
    """Point this process's environment, and that of the commands it starts, to a new home.

    Its model always says the same: the length of a reply must not be left to chance.
    """
    home = Home(path, path)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(path, model=f"file:{model}", sampling_temperature=0).items():
            if name.startswith("FIRESIDE_"):
                patch.setenv(name, value)
        try:
            yield home
        finally:
            end_server(home)


def end_server(home: Home, number: int = signal.SIGTERM) -> None:
    """Send a signal to the server of this home, and wait until it has left."""
    running = read(home)
    if running is None:
        return
    with suppress(ProcessLookupError):
        if is_held(home):
            os.kill(running.pid, number)
    wait_for(lambda: not is_held(home), "the server has left")
