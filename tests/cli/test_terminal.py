"""The plain commands on a real terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect
import pytest
from rich.cells import cell_len

from fireside.settings import Home


def _on_a_terminal(*arguments: str) -> pexpect.spawn[str]:
    command = [sys.executable, "-m", "fireside", *arguments]
    # Named, for the C library's environment holds a width that readline put there.
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return pexpect.spawn(
        command[0], command[1:], env=environ, encoding="utf-8", timeout=60, dimensions=(24, 60)
    )


def _end(terminal: pexpect.spawn[str]) -> str:
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    return str(terminal.before)


def test_a_refused_text_can_be_edited_again(
    cli_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "text = path.read_text()\n"
        "path.write_text('description = \"Fixed.\"' if 'colour' in text else text + 'colour = 3')\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    terminal = _on_a_terminal("personas", "new", "mended")
    terminal.expect("colour")
    terminal.expect(r"Edit it again\? \[Y/n\] ")
    terminal.sendline("")
    terminal.expect("saved mended")
    _end(terminal)
    assert list(tmp_path.glob("fireside-*")) == []
    assert "Fixed." in _end(_on_a_terminal("personas", "show", "mended"))


def test_a_question_is_answered_no_unless_the_person_says_yes(cli_home: Home) -> None:
    _end(_on_a_terminal("personas", "new", "shortlived", "You are shortlived."))
    terminal = _on_a_terminal("personas", "rm", "shortlived")
    terminal.expect(r"\[y/N\] ")
    terminal.sendline("")
    terminal.expect("nothing was changed")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 1
    terminal = _on_a_terminal("personas", "rm", "shortlived")
    terminal.expect(r"\[y/N\] ")
    terminal.sendline("y")
    terminal.expect("removed shortlived")
    _end(terminal)


def test_a_listing_fits_a_narrow_terminal(cli_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    _end(_on_a_terminal("personas", "new", "wide", "壁炉边的谈话" * 20))
    table = _end(_on_a_terminal("personas", "list"))
    assert "\x1b" not in table
    line = next(line for line in table.splitlines() if line.startswith("wide "))
    assert "…" in line
    assert "yours" in line
    assert [line for line in table.splitlines() if cell_len(line) > 60] == []


def test_what_people_copy_is_never_cut(
    cli_home: Home, smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    model = tmp_path / ("a-long-name" * 6 + ".gguf")
    model.symlink_to(smollm2)
    _end(_on_a_terminal("models", "alias", "short", f"file:{model}"))
    lines = _end(_on_a_terminal("models")).splitlines()
    assert "alias:short" in lines
    assert f"stands for file:{model}" in lines[lines.index("alias:short") + 1]


def test_json_is_indented_for_a_person(cli_home: Home) -> None:
    assert '\n    "reference": ' in _end(_on_a_terminal("models", "--json")).replace("\r\n", "\n")
