"""The runtime file and the lock: one server for one home."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fireside.errors import AlreadyRunning
from fireside.runtime import Runtime, acquire, find, is_held, publish, withdraw
from fireside.settings import Home

HOLD = """
import sys, os
from pathlib import Path
from fireside.runtime import Runtime, acquire, publish
from fireside.settings import Home
home = Home(Path(sys.argv[1]), Path(sys.argv[1]))
lock = acquire(home)
publish(home, Runtime(os.getpid(), "http://127.0.0.1:1", "token", "0", "serve"))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_holder_leaves_no_server_behind(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    found = find(home)
    assert found
    assert found.pid == holder.pid
    with pytest.raises(AlreadyRunning, match=str(holder.pid)):
        acquire(home)
    holder.kill()
    holder.communicate()
    assert home.runtime_file.exists()
    assert find(home) is None
    acquire(home).release(force=True)


def test_the_file_is_the_owners_alone_and_goes(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path)
    lock = acquire(home)
    publish(home, Runtime(1, "http://127.0.0.1:1", "token", "0", "serve"))
    assert home.runtime_file.stat().st_mode & 0o777 == 0o600
    withdraw(home)
    assert not home.runtime_file.exists()
    lock.release(force=True)


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"pid": "x"}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path, tmp_path)
    lock = acquire(home)
    home.runtime_file.write_text(text)
    assert find(home) is None
    lock.release(force=True)


def test_a_server_that_starts_while_one_looks_is_not_taken_for_the_one_that_crashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, tmp_path)
    publish(home, Runtime(1, "http://127.0.0.1:1", "token", "0", "serve"))
    locks = []

    def taken_meanwhile(home: Home) -> bool:
        locks.append(acquire(home))
        return is_held(home)

    monkeypatch.setattr("fireside.runtime.is_held", taken_meanwhile)
    assert find(home) is None
    locks[0].release(force=True)
