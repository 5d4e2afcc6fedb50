"""Settings: the file, the variables, and mistakes that are told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.errors import ConfigError
from fireside.settings import FIRST_MODEL, Home, find_home, load_settings


def home_with(folder: Path, text: str | bytes) -> Home:
    home = Home(folder, folder)
    home.config_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return home


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    settings = load_settings(Home(tmp_path, tmp_path), {})
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 3473, FIRST_MODEL)


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    home = home_with(tmp_path, "port = 1\nslots = 3\n[sampling]\ntop_k = 5\n")
    settings = load_settings(
        home,
        {"FIRESIDE_PORT": "2", "FIRESIDE_SAMPLING_TOP_K": "7", "FIRESIDE_ALLOWED_HOSTS": "a, b"},
    )
    assert (settings.port, settings.slots, settings.sampling.top_k) == (2, 3, 7)
    assert settings.allowed_hosts == ("a", "b")


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert load_settings(Home(tmp_path, tmp_path), {"FIRESIDE_PORT": ""}).port == 3473


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('port = "many"', 1, "port"),
        ("port = 70000", 1, "port"),
        ("\n\nprot = 1", 3, "prot"),
        ('[sampling]\n\ntop_k = "x"', 3, "sampling.top_k"),
        ("[sampling]\ncolour = 1", 2, "sampling.colour"),
        ("[samplign]\ntop_k = 1", 1, "samplign"),
        ("slots = 0", 1, "slots"),
    ],
)
def test_a_mistake_names_file_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    home = home_with(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(home, {})
    assert str(home.config_file) in caught.value.message
    assert f"line {line}, key {key}:" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["port = = 1", b"port = '\xff'", "port ="])
def test_what_is_no_toml_is_said_with_the_place(tmp_path: Path, text: str | bytes) -> None:
    home = home_with(tmp_path, text)
    with pytest.raises(ConfigError, match=r"line 1|byte 8|end of document") as caught:
        load_settings(home, {})
    assert str(home.config_file) in caught.value.message


def test_a_folder_in_the_files_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml"):
        load_settings(Home(tmp_path, tmp_path), {})


def test_a_variable_at_fault_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FIRESIDE_PORT='many'"):
        load_settings(Home(tmp_path, tmp_path), {"FIRESIDE_PORT": "many"})


def test_fireside_home_moves_everything(tmp_path: Path) -> None:
    home = find_home({"FIRESIDE_HOME": str(tmp_path / "all")})
    places = (home.config_file, home.personas, home.models, home.backups, home.runtime_file)
    assert all(path.is_relative_to(tmp_path / "all") for path in places)
    assert home.database(load_settings(home, {})) == tmp_path / "all" / "fireside.db"
