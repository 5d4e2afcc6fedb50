from __future__ import annotations

import os
from pathlib import Path

import pytest

from fireside.errors import ConfigError
from fireside.models.pip_configuration import DEFAULT_INDEX, PipConfiguration, read_pip_configuration


def read(tmp_path: Path, **environ: str) -> PipConfiguration:
    base = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}
    return read_pip_configuration({**base, **environ}, prefix=tmp_path / "prefix")


def test_without_files_and_variables_pips_own_defaults_hold(tmp_path: Path) -> None:
    configuration = read(tmp_path, PIP_CONFIG_FILE=os.devnull)
    assert configuration.indexes == (DEFAULT_INDEX,)
    assert configuration.find_links == ()
    assert configuration.proxy is None
    assert configuration.keyring


def test_later_files_replace_earlier_ones_and_variables_replace_files(tmp_path: Path) -> None:
    places = {
        tmp_path / "xdg/pip/pip.conf": "global",
        tmp_path / ".pip/pip.conf": "legacy",
        tmp_path / ".config/pip/pip.conf": "user",
        tmp_path / "prefix/pip.conf": "site",
    }
    seen = []
    for path, name in places.items():
        path.parent.mkdir(parents=True)
        path.write_text(f"[global]\nindex-url = https://{name}.example/simple\n", encoding="utf-8")
        seen.append(read(tmp_path).indexes)
    assert seen == [(f"https://{name}.example/simple",) for name in places.values()]
    named = read(tmp_path, PIP_INDEX_URL="https://variable.example/simple")
    assert named.indexes == ("https://variable.example/simple",)


def test_a_chosen_file_stands_for_the_users_own(tmp_path: Path) -> None:
    user, chosen = tmp_path / ".pip/pip.conf", tmp_path / "chosen.conf"
    user.parent.mkdir()
    user.write_text("[global]\nproxy = http://user.example:1\n", encoding="utf-8")
    chosen.write_text("[global]\nindex_url = https://chosen.example/simple\n", encoding="utf-8")
    configuration = read(tmp_path, PIP_CONFIG_FILE=str(chosen))
    assert configuration.indexes == ("https://chosen.example/simple",)
    assert configuration.proxy is None


def test_every_setting_that_matters_is_understood(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        """
[global]
extra-index-url =
    https://one.example/simple
    https://two.example/simple
find-links = /wheels  https://three.example/links
proxy = http://global.example:1
trusted-host = one.example two.example:8443
cert = ~/ca.pem
client-cert = /client.pem
default-timeout = 40
retries = 7
keyring-provider = disabled
[download]
proxy = http://download.example:2
[install]
proxy = http://install.example:3
""",
        encoding="utf-8",
    )
    configuration = read(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert configuration.indexes == (
        DEFAULT_INDEX,
        "https://one.example/simple",
        "https://two.example/simple",
    )
    assert configuration.find_links == ("/wheels", "https://three.example/links")
    assert configuration.proxy == "http://download.example:2"
    assert configuration.trusted_hosts == ("one.example", "two.example:8443")
    assert configuration.certificates == Path("~/ca.pem").expanduser()
    assert configuration.client_certificate == Path("/client.pem")
    assert configuration.timeout_s == 40.0
    assert configuration.retries == 7
    assert not configuration.keyring


def test_no_index_leaves_only_find_links(tmp_path: Path) -> None:
    configuration = read(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS="/wheels")
    assert configuration.indexes == ()
    assert configuration.find_links == ("/wheels",)


def test_uvs_variables_fill_in_what_pips_leave_open(tmp_path: Path) -> None:
    uv = {"UV_DEFAULT_INDEX": "main=https://uv.example/simple", "UV_INDEX": "https://more.example/simple"}
    configuration = read(tmp_path, PIP_CONFIG_FILE=os.devnull, UV_FIND_LINKS="/a, /b", **uv)
    assert configuration.indexes == ("https://uv.example/simple", "https://more.example/simple")
    assert configuration.find_links == ("/a", "/b")
    both = read(tmp_path, PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="https://pip.example/simple", **uv)
    assert both.indexes[0] == "https://pip.example/simple"


@pytest.mark.parametrize(("variable", "text"), [("PIP_TIMEOUT", "soon"), ("PIP_RETRIES", "-1")])
def test_a_number_that_is_none_is_named(tmp_path: Path, variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        read(tmp_path, **{variable: text})


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.conf"
    broken.write_text("index-url = no section\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.conf"):
        read(tmp_path, PIP_CONFIG_FILE=str(broken))
