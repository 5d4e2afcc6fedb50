"""Which login belongs to which address. A login never goes anywhere else than it was given for."""

from __future__ import annotations

import base64
import netrc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx

from fireside import keyring
from fireside.errors import ConfigError

Origin = tuple[str, str, int | None]


def origin(url: httpx.URL) -> Origin:
    """Return scheme, host and port: what a login is good for.

    >>> origin(httpx.URL("https://user@packages.example/simple"))
    ('https', 'packages.example', 443)
    """
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _address(place: str) -> httpx.URL:
    try:
        return httpx.URL(place)
    except httpx.InvalidURL as error:
        raise ConfigError(
            f"pip's configuration names an index whose address is none: {error}",
            hint="correct index-url, extra-index-url or find-links; see `pip config debug`",
        ) from error


class NoLogin:
    """For servers that are asked by anybody."""

    hint = "download the file in a browser, and use it as file:/path/x.gguf"

    def header(self, url: httpx.URL) -> str | None:
        return None

    async def ask(self, url: httpx.URL) -> bool:
        return False


class Credentials:
    """Logins from the URLs of the configuration, from netrc, and from keyring when a server asks."""

    hint = "put it into pip's index-url, into ~/.netrc or into keyring"

    def __init__(self, places: Iterable[str], environ: Mapping[str, str], *, keyring: bool) -> None:
        self._environ = environ
        self._keyring = keyring
        self._places: dict[Origin, httpx.URL] = {}
        self._logins: dict[Origin, tuple[str, str]] = {}
        for url in map(_address, places):
            if url.host:
                self._places.setdefault(origin(url), url)
                if url.password:
                    self._logins.setdefault(origin(url), (url.username, url.password))

    def header(self, url: httpx.URL) -> str | None:
        """Return the Authorization for exactly this address, or None."""
        login = self._logins.get(origin(url)) or self._from_netrc(url) or self._user_alone(url)
        if login is None:
            return None
        return "Basic " + base64.b64encode(":".join(login).encode()).decode()

    def _user_alone(self, url: httpx.URL) -> tuple[str, str] | None:
        place = self._places.get(origin(url))
        return (place.username, "") if place is not None and place.username else None

    def _from_netrc(self, url: httpx.URL) -> tuple[str, str] | None:
        """Look only for hosts that were configured, or over HTTPS: a redirect must not fish for logins."""
        if url.scheme != "https" and origin(url) not in self._places:
            return None
        name = "_netrc" if os.name == "nt" else ".netrc"
        home = Path(self._environ.get("HOME") or Path.home())
        try:
            entries = netrc.netrc(self._environ.get("NETRC") or str(home / name)).hosts
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
            return None
        if url.host not in entries:
            return None
        user, _, password = entries[url.host]
        return user, password

    async def ask(self, url: httpx.URL) -> bool:
        """Ask keyring, as pip does, for the password of the configured user; return whether it had one."""
        place = self._places.get(origin(url))
        if not self._keyring or place is None or not place.username or origin(url) in self._logins:
            return False
        for service in (str(place.copy_with(userinfo=b"")), place.netloc.decode()):
            if password := await keyring.password(service, place.username):
                self._logins[origin(url)] = (place.username, password)
                return True
        return False
