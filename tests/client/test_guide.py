"""The guide's programs run as they stand there, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fireside.settings import Home

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "python.md"


def test_the_guides_programs_run(shared_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    programs = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, object] = {"__name__": "guide"}
    for program in programs:
        exec(compile(program, str(GUIDE), "exec"), names)  # noqa: S102 - our own text
    printed = capsys.readouterr().out
    assert "tokens were not read again" in printed
    assert "invalid_request top_k" in printed
    assert "What is Newtonian mechanics" in printed
