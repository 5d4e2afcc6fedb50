"""The command line as a whole: flags, exit codes, what stands on which stream. No server is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fireside.cli.flags import unescaped
from fireside.cli.main import run
from fireside.cli.options import ChatOptions
from fireside.messages import Defaults, PromptFormat, Sampling


def _options(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> ChatOptions:
    seen: list[ChatOptions] = []

    def chat(options: ChatOptions) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr("fireside.cli.chat.run", chat)
    monkeypatch.setattr(sys, "argv", ["fireside", *arguments])
    assert run() == 0
    return seen[0]


def _fireside(
    *arguments: str, given: bytes = b"", home: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FIRESIDE_")}
    environ |= {"FIRESIDE_HOME": str(home)} if home else {}
    command = [sys.executable, "-m", "fireside", *arguments]
    return subprocess.run(command, input=given, capture_output=True, env=environ, timeout=60, check=False)


def test_the_line_of_the_plainest_chatbot_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    line = ["--format", "transcript", "--me", "Alice", "--you", "Bob", "--top-k", "10", "--max-tokens", "500"]
    role = "Bob is a professor in Physics."
    options = _options(monkeypatch, *line, "--system", role, "--stop", r"\n", "--stop", "Alice:")
    assert options == ChatOptions(
        defaults=Defaults(
            system=role,
            sampling=Sampling(top_k=10, max_tokens=500, stop=("\n", "Alice:")),
            format=PromptFormat.TRANSCRIPT,
            me="Alice",
            you="Bob",
        )
    )


def test_nothing_said_leaves_everything_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRESIDE_MODEL", raising=False)
    assert _options(monkeypatch) == ChatOptions()


def test_a_model_file_is_named_from_where_the_person_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    options = _options(monkeypatch, "--model", "file:x.gguf")
    assert options.defaults.model == f"file:{tmp_path}/x.gguf"


def test_the_environments_model_counts_for_new_conversations_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESIDE_MODEL", "file:/x.gguf")
    assert _options(monkeypatch).defaults.model == "file:/x.gguf"
    assert _options(monkeypatch, "--persona", "bob").defaults.model is None
    assert _options(monkeypatch, "-c").defaults.model is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--format", "poem"], b"format"),
        (["ask", "--top-p", "2", "x"], b"top_p"),
        (["ask", "--temperature", "nan", "x"], b"temperature"),
        (["ask", "-c", "--temporary", "x"], b"--temporary"),
        (["--top-k", "3", "ask", "x"], b"ask"),
        (["chats", "export", "--format", "markdown"], b"Markdown"),
        (["nonsense"], b"nonsense"),
        (["chats", "--json", "list"], b"list"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_wrong(arguments: list[str], named: bytes) -> None:
    done = _fireside(*arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_an_error_is_a_message_and_a_hint_on_standard_error() -> None:
    done = _fireside("ask", given=b"\xff")
    assert (done.returncode, done.stdout) == (1, b"")
    message, hint = done.stderr.decode().splitlines()
    assert message.startswith("error: ")
    assert hint.startswith("hint: ")


def test_the_version_and_the_help_load_neither_the_client_nor_rich() -> None:
    program = (
        "import sys; from fireside.cli.main import run; sys.argv[1:] = ['--help']; assert run() == 0; "
        "print([name for name in ('httpx', 'rich', 'prompt_toolkit', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_status_without_a_server_starts_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = _fireside("status", home=home)
    assert done.returncode == 1
    assert b"hint: " in done.stderr
    assert not home.exists()
    assert _fireside("stop", home=home).returncode == 0


@pytest.mark.parametrize("text", ["a\\", "\\x", "plain"])
def test_other_backslashes_stay(text: str) -> None:
    assert unescaped(text) == text


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert _fireside("--version").stdout.decode() == f"fireside {project['version']}\n"
