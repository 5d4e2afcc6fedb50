"""The guide's programs run as they stand there, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving import Served

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "openai.md"


@pytest.mark.filterwarnings("ignore")
def test_the_guides_programs_run(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRESIDE_URL", served.runtime.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    programs = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, object] = {"__name__": "guide"}
    for program in programs:
        exec(compile(program, str(GUIDE), "exec"), names)  # noqa: S102 - our own text
    printed = capsys.readouterr().out
    assert "tokens" in printed
    assert "2 vectors of 32" in printed
    assert "name='weather'" in printed
    assert re.search(r"name='.*' age=\d+", printed)
