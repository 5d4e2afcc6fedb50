"""`fireside models trust` on a real terminal: the code is shown before anybody is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from fireside.settings import Home
from made_folder import write_folder

CONFIG = {"model_type": "wishful", "auto_map": {"AutoModelForCausalLM": "modeling_wishful.Wishful"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = "# \x1b]52;c;cm0gLXJm\x07 a clipboard's escape\nraise SystemExit('never run')\n"
    return write_folder(tmp_path / "wishful", config_json=CONFIG, modeling_wishful_py=code)


def on_a_terminal(folder: Path, answer: str) -> str:
    """Return what is shown when somebody looks at the code and answers."""
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = ["-m", "fireside", "models", "trust", f"file:{folder}"]
    terminal = pexpect.spawn(
        sys.executable, command, env=environ | {"PAGER": "cat"}, encoding="utf-8", timeout=60
    )
    terminal.expect("Let this code run")
    shown = str(terminal.before)
    terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return shown + str(terminal.before)


def trusted() -> str:
    command = [sys.executable, "-m", "fireside", "models", "trust", "--list"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_the_code_is_shown_then_asked_for_and_its_escapes_are_visible(cli_home: Home, folder: Path) -> None:
    shown = on_a_terminal(folder, "n")
    assert "modeling_wishful.Wishful" in shown
    assert "raise SystemExit('never run')" in shown
    assert "\x1b]52" not in shown
    assert "␛]52" in shown
    assert "nothing was changed" in shown
    assert trusted() == ""
    assert "may run this code" in on_a_terminal(folder, "y")
    assert trusted() == f"file:{folder}"
    asked_again = subprocess.run(
        [sys.executable, "-m", "fireside", "models", "trust", str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "allowed already" in asked_again.stdout
