"""One server for one home; kills, signals, ports and idleness."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fireside.runtime import find
from fireside.settings import Home
from serving import PATIENCE_S, Served, environment, gone, serving, wait_for

LONG = {"max_tokens": 3000, "temperature": 0.9, "seed": 1}


def run_serve(home: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fireside", "serve"],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def first_words(server: Served, reply: str) -> str:
    """Watch until something was said and journalled; return it."""
    said = ""
    for _, name, data in server.watch(reply):
        said += data["text"] if name == "text" else ""
        if len(said) > 40:
            break
    stored = wait_for(lambda: enough_on_disk(server, reply), "the reply is journalled")
    assert said.startswith(stored) or stored.startswith(said)
    return said


def enough_on_disk(server: Served, reply: str) -> str:
    """Return what is stored of a reply, once that is more than its first word."""
    stored = text_on_disk(server, reply)
    return stored if len(stored) > 20 else ""


def text_on_disk(server: Served, reply: str) -> str:
    parts = server.get(f"/messages/{reply}")["parts"]
    return "".join(part["text"] for part in parts)


def test_a_second_server_says_who_has_the_home(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as first:
        second = run_serve(tmp_path)
        assert second.returncode == 1
        assert first.runtime.address in second.stderr
        assert "hint:" in second.stderr
        assert first.http.get("/health").status_code == 200


def test_a_kill_of_the_server_loses_no_message(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        chat = server.new_conversation()
        reply = server.begin(chat, "Write a long story.", sampling=LONG)
        first_words(server, reply)
        engine = server.engine_pid()
        server.end(signal.SIGKILL)
        wait_for(lambda: gone(engine), "the engine died with its server")
        assert find(server.home) is None, "the runtime file of a killed server is stale"
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        messages = server.get(f"/conversations/{chat}")["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant"]
        assert messages[1]["status"] == "interrupted"
        said = messages[1]["parts"][0]["text"]
        assert len(said) > 20
        events = list(server.watch(reply))
        assert events[-1][1:] == ("failed", events[-1][2])
        assert events[-1][2]["code"] == "interrupted"
        again = server.post(f"/messages/{reply}/continue", {"sampling": {"max_tokens": 5}})["reply"]["id"]
        text = "".join(data["text"] for _, name, data in server.watch(again) if name == "text")
        assert text.startswith(said)
    with sqlite3.connect(tmp_path / "fireside.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_kill_of_the_engine_costs_one_reply(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        chat = server.new_conversation()
        reply = server.begin(chat, "Write a long story.", sampling=LONG)
        said = first_words(server, reply)
        os.kill(server.engine_pid(), signal.SIGKILL)
        events = list(server.watch(reply))
        assert events[-1][1] == "failed"
        assert events[-1][2]["code"] in ("engine_crashed", "engine_out_of_memory")
        record = server.get(f"/messages/{reply}/record")
        assert record["status"] == "interrupted"
        assert record["text"].startswith(said)
        assert server.ask(chat, "Again, shortly.", sampling={"max_tokens": 4})["status"] == "complete"


def test_sigterm_drains_and_leaves_nothing_behind(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}", drain_s=0.5) as server:
        chat = server.new_conversation()
        short = server.ask(chat, "Hello", sampling={"max_tokens": 3})
        reply = server.begin(chat, "Write a long story.", sampling=LONG)
        first_words(server, reply)
        engine = server.engine_pid()
        assert server.end() == 0
        assert gone(engine)
        assert not server.home.runtime_file.exists()
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        assert server.get(f"/messages/{reply}/record")["status"] == "interrupted"
        assert server.get(f"/messages/{short['message_id']}/record")["status"] == "complete"


def test_stop_over_http_waits_for_a_short_reply(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        chat = server.new_conversation()
        reply = server.begin(chat, "Count to ten.", sampling={"max_tokens": 30, "temperature": 0})
        assert server.http.post("/fireside/v1/stop").status_code == 403
        assert server.http.post("/fireside/v1/stop", headers=server.owner).status_code == 202
        refused = server.http.post("/fireside/v1/conversations", json={})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "server_unavailable")
        assert server.process.wait(PATIENCE_S) == 0
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        assert server.get(f"/messages/{reply}/record")["status"] == "complete"


def test_a_server_that_a_command_started_leaves_when_idle(tmp_path: Path, smollm2: Path) -> None:
    command = ("--started-by", "command")
    with serving(tmp_path, *command, model=f"file:{smollm2}", server_idle_s=1) as server:
        assert server.process.wait(PATIENCE_S) == 0
        assert find(server.home) is None


def test_a_busy_port_is_said_with_its_number(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run_serve(tmp_path, port=port)
    assert result.returncode == 1
    assert str(port) in result.stderr
    assert "hint:" in result.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_it_does_not_listen_beyond_this_machine(tmp_path: Path, host: str) -> None:
    result = run_serve(tmp_path, host=host)
    assert result.returncode == 1
    assert host in result.stderr
    assert not Home(tmp_path, tmp_path).runtime_file.exists()


def test_the_runtime_file_and_the_database_are_the_owners_alone(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        server.new_conversation(title="private")
        assert server.home.runtime_file.stat().st_mode & 0o777 == 0o600
        for path in server.home.data.glob("fireside.db*"):
            assert path.stat().st_mode & 0o077 == 0, path


def test_backup_while_running_and_restore(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path / "home", model=f"file:{smollm2}") as server:
        kept = server.new_conversation(title="kept")
        copy = tmp_path / "copy.db"
        path = {"path": str(copy)}
        answer = server.http.post("/fireside/v1/backup", json=path, headers=server.owner)
        assert answer.status_code == 200, answer.text
        later = server.new_conversation(title="later")
        answer = server.http.post("/fireside/v1/restore", json=path, headers=server.owner)
        assert answer.status_code == 200, answer.text
        assert [one["id"] for one in server.get("/conversations")["conversations"]] == [kept]
        assert Path(answer.json()["kept"]).exists()
        assert server.http.get(f"/fireside/v1/conversations/{later}").status_code == 404
        broken = tmp_path / "broken.db"
        broken.write_bytes(b"no database")
        refused = server.http.post("/fireside/v1/restore", json={"path": str(broken)}, headers=server.owner)
        assert refused.status_code >= 400
        assert [one["id"] for one in server.get("/conversations")["conversations"]] == [kept]


def test_a_damaged_model_is_told_and_the_server_stays(tmp_path: Path, smollm2: Path) -> None:
    truncated = tmp_path / "truncated.gguf"
    truncated.write_bytes(smollm2.read_bytes()[:5_000_000])
    with serving(tmp_path / "home", model=f"file:{truncated}") as server:
        chat = server.new_conversation()
        answer: httpx.Response = server.http.post(
            f"/fireside/v1/conversations/{chat}/messages", json={"text": "Hi"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "model_damaged")
        good = {"model": f"file:{smollm2}", "sampling": {"max_tokens": 3}}
        assert server.ask(chat, "Hi", **good)["status"] == "complete"


def test_a_full_disk_is_507_and_passes(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, model=f"file:{smollm2}") as server:
        chat = server.new_conversation(title="before")
        pid, limit = server.process.pid, resource.RLIMIT_FSIZE
        _, most = resource.prlimit(pid, limit)
        resource.prlimit(pid, limit, ((tmp_path / "fireside.db-wal").stat().st_size, most))
        path = f"/fireside/v1/conversations/{chat}/messages"
        refused = server.http.post(path, json={"text": "x" * 300_000})
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk_full")
        assert refused.json()["error"]["hint"]
        assert server.get(f"/conversations/{chat}")["messages"] == []
        resource.prlimit(pid, limit, (most, most))
        assert server.ask(chat, "Hello", sampling={"max_tokens": 3})["status"] == "complete"
