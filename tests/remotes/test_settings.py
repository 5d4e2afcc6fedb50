"""`[remotes.NAME]` in the settings: what may stand there, and where keys come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fireside.errors import ConfigError
from fireside.remotes import keys
from fireside.remotes.keys import key_of
from fireside.settings import Home, RemoteSettings, Settings, load_settings


def written(folder: Path, text: str) -> Settings:
    home = Home(folder, folder)
    home.config_file.write_text(text)
    return load_settings(home, {})


def test_addresses_get_the_usual_path_where_they_have_none(tmp_path: Path) -> None:
    settings = written(
        tmp_path,
        """
        [remotes.one]
        url = "http://a:8000"
        [remotes.two]
        urls = ["https://b/v1/", "https://c/openai/v2"]
        """,
    )
    assert settings.remotes["one"].addresses == ("http://a:8000/v1",)
    assert settings.remotes["two"].addresses == ("https://b/v1", "https://c/openai/v2")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[remotes.a]\n\nurl = 1", 3, "str"),
        ("port = 1\n[remotes.a]\nkey_env = 'K'", 2, "either `url` or `urls`"),
        ("[remotes.a]\nurl = 'http://a'\nurls = ['http://b']", 1, "either `url` or `urls`"),
        ("[remotes.a]\nurl = 'http://a'\nkey_env = 'K'\nkeyring = 'me'", 1, "either `key_env` or `keyring`"),
        ("[remotes.a]\nurl = 'http://me:secret@a/v1'", 1, "no login"),
        ("[remotes.a]\nurl = 'file:///etc/passwd'", 1, "begins with http"),
        ("[remotes.a]\nurl = 'http://a'\nkey = 'secret'", 3, "there is no setting `key`"),
        ("[remotes.'../x']\nurl = 'http://a'", 1, "small letters"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        written(tmp_path, text)
    assert f"line {line}" in caught.value.message
    assert "secret" not in caught.value.message


async def test_a_key_comes_from_the_environment_and_fits_into_a_header() -> None:
    remote = RemoteSettings(url="http://a", key_env="OFFICE_KEY")
    assert await key_of("office", remote, {"OFFICE_KEY": " sk-1 \n"}) == "sk-1"
    for unusable in ("a\r\nX-Other: b", "schlüssel", "two words"):
        with pytest.raises(ConfigError, match="characters that no key has") as caught:
            await key_of("office", remote, {"OFFICE_KEY": unusable})
        assert unusable not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(ConfigError, match="OFFICE_KEY"):
        await key_of("office", remote, {})


async def test_a_key_comes_from_the_keyring_which_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "keyring"
    command.write_text('#!/bin/sh\necho "$@" >> "$0.asked"\n[ "$3" = me ] && echo sk-2\n')
    command.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(keys, "_from_keyring", {})
    for _ in range(2):
        assert await key_of("office", RemoteSettings(url="http://a", keyring="me")) == "sk-2"
    assert (tmp_path / "keyring.asked").read_text() == "get fireside me\n"
    with pytest.raises(ConfigError, match="the keyring has no password of you") as caught:
        await key_of("office", RemoteSettings(url="http://a", keyring="you"))
    assert "keyring set fireside you" in str(caught.value.hint)
