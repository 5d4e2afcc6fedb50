"""The programs in the guide for the anthropic client run, against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving import Served

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "anthropic.md"


def test_the_guides_programs_run(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRESIDE_URL", served.runtime.address)
    programs = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, object] = {}
    for program in programs:
        exec(compile(program, str(GUIDE), "exec"), names)  # noqa: S102 - the guide is ours
    names["client"].close()  # type: ignore[attr-defined]
    assert len(programs) == 3
    assert "weather {" in capsys.readouterr().out
