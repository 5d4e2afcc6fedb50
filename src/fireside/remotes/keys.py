"""The key of a remote: from the environment or the keyring, never from the settings themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from fireside import keyring
from fireside.errors import ConfigError
from fireside.settings import RemoteSettings

SERVICE = "fireside"
_HARMLESS = re.compile(r"[!-~]{1,4096}")
"""what a header can carry: nothing that would begin another one"""
_from_keyring: dict[str, str] = {}
"""asked once: it may mean that a person is asked"""


async def key_of(name: str, remote: RemoteSettings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the key of the remote `name`; None for one that needs none, ConfigError where it is missing."""
    if remote.key_env:
        key = environ.get(remote.key_env, "").strip()
        missing = f"the variable {remote.key_env}, which holds the key of {name}, is not set"
        hint = f"set {remote.key_env} where the server is started, and start it anew"
    elif remote.keyring:
        key = _from_keyring.get(remote.keyring) or await keyring.password(SERVICE, remote.keyring) or ""
        missing = f"the keyring has no password of {remote.keyring} for {SERVICE}, the key of {name}"
        hint = f"store it: keyring set {SERVICE} {remote.keyring}"
        if not keyring.installed():
            hint = f"pip install keyring, then: keyring set {SERVICE} {remote.keyring}"
    else:
        return None
    if not key:
        raise ConfigError(missing, hint=hint)
    if not _HARMLESS.fullmatch(key):
        raise ConfigError(f"the key of {name} has characters that no key has", hint="store it anew")
    if remote.keyring:
        _from_keyring[remote.keyring] = key
    return key
