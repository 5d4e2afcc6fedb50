"""`fireside keys`, as a person uses it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import httpx
import pytest

from fireside.runtime import find
from fireside.settings import Home

Fireside = Callable[..., subprocess.CompletedProcess[str]]


def asking(home: Home, secret: str) -> int:
    running = find(home)
    assert running
    headers = {"authorization": f"Bearer {secret}"}
    address = f"{running.address}/fireside/v1/conversations"
    return httpx.get(address, headers=headers, trust_env=False).status_code


@pytest.mark.parametrize("is_running", [False, True], ids=["no server runs", "a server runs"])
def test_a_key_is_made_shown_once_listed_and_removed(
    fireside: Fireside, cli_home: Home, is_running: bool
) -> None:
    fireside("chats") if is_running else fireside("stop")
    made = fireside("keys", "new", "laptop", "--scope", "chat", "--scope", "models")
    secret = made.stdout.strip()
    assert re.fullmatch(r"fs-[\w-]{40,}", secret)
    assert "can't be shown again" in made.stderr
    listed = fireside("keys")
    name, scopes, _made, last_used, _id = listed.stdout.rstrip("\n").split("\t")
    assert (name, scopes, last_used) == ("laptop", "chat models", "never")
    assert secret not in listed.stdout
    assert [asking(cli_home, secret), asking(cli_home, "wrong")] == [200, 401]
    assert json.loads(fireside("keys", "list", "--json").stdout)[0]["last_used_at"] is not None
    fireside("ask", "--json", "--max-tokens", "2", "Hi")
    assert "nobody is there" in fireside("keys", "rm", "laptop", code=1).stderr
    fireside("keys", "rm", "laptop", "--yes")
    assert fireside("keys").stdout == ""


def test_json_holds_the_key_and_its_card(fireside: Fireside) -> None:
    made = json.loads(fireside("keys", "new", "json", "--json").stdout)
    assert made["key"]["scopes"] == ["chat"]
    fireside("keys", "rm", made["key"]["id"], "--yes")


def test_what_cannot_be_done_is_said(fireside: Fireside) -> None:
    fireside("keys", "new", "twice")
    try:
        assert "there is a key called twice" in fireside("keys", "new", "twice", code=1).stderr
        assert "there is no key none" in fireside("keys", "rm", "none", "--yes", code=1).stderr
        fireside("keys", "new", "x", "--scope", "root", code=2)
        fireside("serve", "--lan", "--host", "127.0.0.1", code=2)
    finally:
        fireside("keys", "rm", "twice", "--yes")


def test_a_device_is_paired_from_the_terminal(fireside: Fireside, cli_home: Home) -> None:
    assert "there is no key lan" in fireside("keys", "pair", code=1).stderr
    fireside("keys", "new", "lan")
    try:
        shown = fireside("keys", "pair").stdout.splitlines()
        assert "Within 10 minutes" in shown[0]
        where, _, code = shown[1].partition("/#pair=")
        begun = httpx.post(f"{where}/fireside/v1/sessions", json={"code": code}, trust_env=False)
        assert begun.status_code == 201
        assert json.loads(fireside("keys", "pair", "lan", "--json").stdout)["key"] == "lan"
    finally:
        fireside("keys", "rm", "lan", "--yes")
