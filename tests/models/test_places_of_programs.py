"""Where programs keep their things, by the system they run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.models.places import Places


@pytest.mark.parametrize(
    ("platform", "environ", "data", "local"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/share", "/h/.local/share"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "/d"}, "/d", "/d"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support", "/h/Library/Application Support"),
        ("win32", {"USERPROFILE": "/u", "APPDATA": "/r", "LOCALAPPDATA": "/l"}, "/r", "/l"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Roaming", "/u/AppData/Local"),
    ],
)
def test_each_system_has_its_own_places(
    platform: str, environ: dict[str, str], data: str, local: str
) -> None:
    places = Places(environ, platform)
    assert (places.data, places.local_data) == (Path(data), Path(local))
