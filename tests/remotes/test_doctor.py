"""What the doctor says of a default model that another server has: nobody is asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.doctor import Examined
from fireside.doctor.models import check_models
from fireside.settings import Home, RemoteSettings, Settings


@pytest.mark.parametrize(("model", "is_well"), [("remote:office/x", True), ("remote:nowhere/x", False)])
def test_a_default_model_elsewhere(tmp_path: Path, model: str, is_well: bool) -> None:
    settings = Settings(model=model, remotes={"office": RemoteSettings(url="http://127.0.0.1:9")})
    (finding, *_) = check_models(Examined(Home(tmp_path, tmp_path), settings, None, False))
    assert (finding.state == "well") is is_well
    assert ("elsewhere" if is_well else "nowhere") in str(finding.what)


def test_a_name_for_a_model_elsewhere(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path)
    home.aliases.mkdir()
    (home.aliases / "clerk.toml").write_text('model = "remote:office/x"')
    settings = Settings(model="clerk", remotes={"office": RemoteSettings(url="http://127.0.0.1:9")})
    (finding, *_) = check_models(Examined(home, settings, None, False))
    assert finding.state == "well"
    assert "remote:office/x is elsewhere" in str(finding.what)
