"""One server for a home, whoever starts it, whatever became of the one before. All with the real server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from fireside.client import background, launch
from fireside.client.background import Background
from fireside.client.launch import ensure_server, stop_server
from fireside.errors import AddressInUse, ConfigError, ServerUnavailable
from fireside.runtime import Runtime, find, publish, read
from fireside.settings import Home
from serving import wait_for
from starting import end_server


async def test_a_server_is_started_once_and_found_from_then_on(home: Home) -> None:
    starts: list[str] = []
    first = await ensure_server(home, lambda: starts.append("started"))
    assert await ensure_server(home, lambda: starts.append("again")) == first
    assert starts == ["started"]
    assert first.started_by == "command"
    if sys.platform != "win32":
        assert os.getsid(first.pid) != os.getsid(0)
        assert stat.S_IMODE((home.logs / "server.log").stat().st_mode) == 0o600


async def test_it_is_gone_once_it_was_asked_to_stop(home: Home) -> None:
    running = await ensure_server(home)
    await stop_server(home, running)
    assert find(home) is None


async def test_one_that_is_started_to_be_asked_loads_the_model_at_once(home: Home, smollm2: Path) -> None:
    running = await ensure_server(home, asks="")
    loaded = wait_for(lambda: engines(running), "a model is loaded that nobody has asked yet")
    assert loaded == [f"file:{smollm2}"]


async def test_one_that_is_started_for_anything_else_loads_none(home: Home) -> None:
    running = await ensure_server(home)
    assert engines(running) == []
    if sys.platform == "linux":
        assert not Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()


async def test_one_that_cant_load_what_will_be_asked_starts_all_the_same(home: Home) -> None:
    running = await ensure_server(home, asks="file:/nowhere.gguf")
    assert engines(running) == []
    assert find(home) == running


def engines(running: Runtime) -> list[str]:
    """The models that are loaded."""
    owner = {"authorization": f"Bearer {running.token}"}
    status = httpx.get(f"{running.address}/fireside/v1/status", headers=owner, trust_env=False).json()
    return [engine["model"] for engine in status["engines"]]


def test_commands_that_start_it_at_the_same_moment_get_the_same_one(home: Home) -> None:
    program = (
        "import asyncio; from fireside.settings import find_home; "
        "from fireside.client.launch import ensure_server; "
        "print(asyncio.run(ensure_server(find_home())).address)"
    )
    commands = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    addresses = {command.communicate()[0] for command in commands}
    assert [command.returncode for command in commands] == [0, 0, 0]
    running = find(home)
    assert running is not None
    assert addresses == {running.address + "\n"}


async def test_what_a_killed_server_left_behind_is_noticed(home: Home) -> None:
    killed = await ensure_server(home)
    end_server(home, signal.SIGKILL)
    assert read(home) == killed
    assert (await ensure_server(home)).token != killed.token


async def test_a_server_of_another_version_is_replaced(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    old = await ensure_server(home)
    publish(home, Runtime(old.pid, old.address, old.token, "0.0.1", old.started_by))
    new = await ensure_server(home)
    assert new.pid != old.pid
    assert find(home) == new


async def test_a_busy_port_is_an_error_that_names_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("FIRESIDE_PORT", str(port))
        with pytest.raises(AddressInUse, match=str(port)) as caught:
            await ensure_server(home)
    assert caught.value.hint


async def test_a_broken_configuration_is_named_by_file_and_line(home: Home) -> None:
    home.config.mkdir(parents=True)
    home.config_file.write_text("slots = 2\nthreads = many\n")
    with pytest.raises(ConfigError, match="line 2"):
        await ensure_server(home)


async def test_the_last_words_of_a_server_that_dies_are_the_hint(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(ServerUnavailable) as caught:
        await ensure_server(home)
    assert caught.value.hint
    assert "/nowhere" in caught.value.hint


async def test_a_server_that_says_nothing_for_too_long_is_given_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PATIENCE_S", 0.0)
    with pytest.raises(ServerUnavailable):
        await ensure_server(home)


async def test_a_large_log_is_put_aside(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.logs.mkdir(parents=True)
    (home.logs / "server.log").write_text("old words\n")
    monkeypatch.setattr(background, "LOG_LIMIT_BYTES", 5)
    await ensure_server(home)
    assert (home.logs / "server.log.1").read_text() == "old words\n"


async def test_a_file_in_the_servers_folder_is_not_run(home: Home) -> None:
    home.data.mkdir(parents=True)
    (home.data / "fireside.py").write_text("raise SystemExit('not me')")
    started = await ensure_server(home)
    assert find(home) == started


async def test_its_words_are_its_own_when_several_share_the_log(home: Home) -> None:
    home.config.mkdir(parents=True)
    home.config_file.write_text("port = 'here'\n")
    child = Background(home)
    other = background.LastWords(1, "address_in_use", "somebody else's words")
    while not child.has_ended:
        await asyncio.sleep(0.02)
    with (home.logs / "server.log").open("ab") as log:
        log.write(msgspec.json.encode(other) + b"\n")
    assert isinstance(child.failure(), ConfigError)
