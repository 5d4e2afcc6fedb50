"""The plain commands with the real server and the real small model, as a script would use them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fireside.settings import Home

Fireside = Callable[..., subprocess.CompletedProcess[str]]
LONG = "Tell me a long story about a lighthouse keeper and the sea."


def _asked(fireside: Fireside, *arguments: object, given: str = "") -> Any:
    return json.loads(fireside("ask", "--json", "--max-tokens", 8, *arguments, given=given).stdout)


def test_ask_prints_the_reply_and_nothing_else(fireside: Fireside) -> None:
    done = fireside("ask", "--temperature", 0, "--max-tokens", 8, "Say", "hello.")
    assert done.stdout.strip()
    assert done.stdout.endswith("\n")
    assert done.stderr == ""


def test_ask_as_json_is_one_record(fireside: Fireside) -> None:
    record = _asked(fireside, "Summarise:", given="Fire is hot.\n")
    assert {"conversation_id", "message_id", "model", "text", "finish_reason"} <= set(record)
    assert set(record["usage"]) == {"prompt_tokens", "completion_tokens", "cached_tokens"}
    assert set(record["timings"]) == {"first_token_ms", "tokens_per_second", "total_ms"}
    assert record["receipt"]["omitted"] == []
    tree = json.loads(fireside("chats", "show", record["conversation_id"], "--json").stdout)
    assert tree["messages"][0]["parts"] == [{"type": "text", "text": "Summarise:\n\nFire is hot."}]


def test_c_goes_on_with_the_last_conversation_and_keeps_its_settings(fireside: Fireside) -> None:
    first = _asked(fireside, "--system", "You are a pirate.", "Who are you?")
    second = _asked(fireside, "-c", "And now?")
    assert second["conversation_id"] == first["conversation_id"]
    tree = json.loads(fireside("chats", "show", first["conversation_id"], "--json").stdout)
    assert tree["conversation"]["defaults"]["system"] == "You are a pirate."
    assert tree["messages"][-1]["defaults"]["system"] == "You are a pirate."
    by_its_end = _asked(fireside, "--conversation", first["conversation_id"][-10:], "And then?")
    assert by_its_end["conversation_id"] == first["conversation_id"]


def test_ctrl_c_stops_the_reply_at_the_server(fireside: Fireside) -> None:
    command = [sys.executable, "-m", "fireside", "ask", "--temperature", "0", LONG]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    assert os.read(running.stdout.fileno(), 1)
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in err
    tree = json.loads(fireside("chats", "show", "tell me a long", "--json").stdout)
    assert tree["messages"][-1]["status"] == "stopped"


def test_a_reader_that_leaves_ends_the_command_quietly(fireside: Fireside) -> None:
    command = [sys.executable, "-m", "fireside", "ask", "--temporary", "--temperature", "0", LONG]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    os.read(running.stdout.fileno(), 1)
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait(60) == 1


def test_what_cannot_be_asked_sends_nothing(fireside: Fireside) -> None:
    before = json.loads(fireside("chats", "--json").stdout)
    assert "hint: " in fireside("ask", code=1).stderr
    assert "hint: " in fireside("ask", "--model", "nowhere:nothing", "Hi", code=1).stderr
    assert len(json.loads(fireside("chats", "--json").stdout)) <= len(before) + 1


def test_a_conversation_goes_to_the_trash_and_comes_back(fireside: Fireside) -> None:
    identity = _asked(fireside, "A chat about volcanoes.")["conversation_id"]
    listed = fireside("chats", "list").stdout
    assert f"{identity[-8:]}\tA chat about volcanoes." in listed
    fireside("chats", "rm", "volcanoes")
    assert "volcanoes" not in fireside("chats").stdout
    assert "volcanoes" in fireside("chats", "list", "--trash").stdout
    fireside("chats", "restore", identity[-8:])
    assert "volcanoes" in fireside("chats").stdout
    fireside("chats", "rm", identity)
    assert "--yes" in fireside("chats", "rm", "--forever", identity, code=1).stderr
    fireside("chats", "rm", "--forever", "--yes", identity)
    assert "volcanoes" not in fireside("chats", "list", "--trash").stdout


def test_what_was_said_is_found_and_shown(fireside: Fireside) -> None:
    identity = _asked(fireside, "--me", "Alice", "--you", "Bob", "Tell me of the aurora borealis.")[
        "conversation_id"
    ]
    hits = json.loads(fireside("chats", "search", "borealis", "--json").stdout)
    assert identity in {hit["conversation_id"] for hit in hits}
    line = fireside("chats", "search", "borealis").stdout.splitlines()[0]
    assert "borealis" in line
    assert "\x02" not in line
    shown = fireside("chats", "show", "borealis").stdout
    assert "\nAlice:\nTell me of the aurora borealis.\n" in shown
    assert "\nBob:\n" in shown


def test_an_escape_sequence_in_a_message_never_reaches_the_terminal(fireside: Fireside) -> None:
    identity = _asked(fireside, "colour \x1b]52;c;AAAA\x07 me")["conversation_id"]
    for command in (["chats"], ["chats", "show", identity], ["chats", "search", "colour"]):
        assert "\x1b" not in fireside(*command).stdout
    assert "␛]52" in fireside("chats", "show", identity).stdout


def test_importing_what_is_there_already_changes_nothing(fireside: Fireside, tmp_path: Path) -> None:
    identity = _asked(fireside, "A chat to be moved.")["conversation_id"]
    markdown = fireside("chats", "export", identity, "--format", "markdown").stdout
    assert "A chat to be moved." in markdown
    everything = tmp_path / "all.json"
    fireside("chats", "export", "--output", everything)
    again = fireside("chats", "import", everything, "--json").stdout
    assert json.loads(again)["conversations"] == 0
    assert list(tmp_path.iterdir()) == [everything]
    broken = tmp_path / "broken.json"
    broken.write_text("[{")
    assert "hint: " in fireside("chats", "import", broken, code=1).stderr


def test_a_backup_brings_back_what_was_there(fireside: Fireside, tmp_path: Path) -> None:
    _asked(fireside, "Before the backup.")
    fireside("backup", tmp_path / "kept")
    _asked(fireside, "After the backup.")
    assert "--yes" in fireside("restore", tmp_path / "kept", code=1).stderr
    fireside("restore", "--yes", tmp_path / "kept")
    titles = fireside("chats").stdout
    assert "Before the backup." in titles
    assert "After the backup." not in titles


def test_a_damaged_database_is_kept_and_a_backup_takes_its_place(
    fireside: Fireside, cli_home: Home, tmp_path: Path
) -> None:
    _asked(fireside, "Before the damage.")
    fireside("backup", tmp_path / "kept")
    fireside("stop")
    database = cli_home.data / "fireside.db"
    database.write_bytes(b"damaged" * 1000)
    assert "fireside restore" in fireside("chats", code=1).stderr
    assert database.read_bytes().startswith(b"damaged")
    fireside("restore", "--yes", tmp_path / "kept")
    assert "Before the damage." in fireside("chats").stdout


def test_models_are_listed_with_the_default_one(fireside: Fireside, smollm2: Path) -> None:
    cards = json.loads(fireside("models", "--json").stdout)
    assert [card["reference"] for card in cards if card["is_default"]] == [f"file:{smollm2}"]
    shown = fireside("models", "show", f"file:{smollm2}").stdout
    assert "llama" in shown
    assert "hint: " in fireside("models", "show", "file:/nowhere.gguf", code=1).stderr


def test_a_persona_is_made_shown_used_and_removed(fireside: Fireside) -> None:
    fireside("personas", "new", "newton", "You are Isaac Newton.")
    assert "newton" in fireside("personas").stdout
    assert 'description = "You are Isaac Newton."' in fireside("personas", "show", "newton").stdout
    assert "already" in fireside("personas", "new", "Newton", "Another.", code=1).stderr
    record = _asked(fireside, "--persona", "newton", "Who are you?")
    assert record["text"]
    wrong = fireside("personas", "new", "bad", given='description = "x"\ncolour = 3\n', code=1).stderr
    assert "line 2" in wrong
    assert "colour" in wrong
    fireside("personas", "rm", "--yes", "newton")
    assert "newton" not in fireside("personas").stdout


def test_a_refused_persona_is_still_in_the_persons_hands(
    fireside: Fireside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'w').write('colour = 3\\n')")
    monkeypatch.setenv("EDITOR", f"{sys.executable} {editor}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)
    fireside("personas", "new", "edited", "You are edited.")
    done = fireside("personas", "edit", "edited", code=1)
    path = next(tmp_path.glob("fireside-*.toml"))
    assert str(path) in done.stdout
    assert path.read_text() == "colour = 3\n"
    assert 'description = "You are edited."' in fireside("personas", "show", "edited").stdout


def test_status_says_where_everything_is(fireside: Fireside, cli_home: Home) -> None:
    fireside("chats")
    status = json.loads(fireside("status", "--json").stdout)
    assert status["home"] == str(cli_home.data)
    assert status["address"] in fireside("status").stdout
    fireside("stop")
    assert "hint: " in fireside("status", code=1).stderr


def test_the_page_is_opened_in_a_browser_or_its_address_is_said(
    fireside: Fireside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(f"import sys; open({str(tmp_path / 'opened')!r}, 'w').write(sys.argv[1])")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {browser} %s")
    opened = fireside("open")
    where = opened.stdout.strip()
    assert (tmp_path / "opened").read_text() == where
    assert httpx.get(where, trust_env=False).headers["content-type"].startswith("text/html")
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    without = fireside("open")
    assert (without.stdout.strip(), "no browser opens" in without.stderr) == (where, True)
    fireside("keys", "new", "one")
    assert "fireside keys pair" in fireside("open").stderr
    fireside("keys", "rm", "one", "--yes")
