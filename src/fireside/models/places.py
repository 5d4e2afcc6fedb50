"""Where programs keep what is theirs, on each system."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


class Places:
    """The folders of the person whose environment this is.

    Sources: the XDG base directory specification, Apple's and Microsoft's names for application data.
    """

    def __init__(self, environ: Mapping[str, str], platform: str = sys.platform) -> None:
        self._environ = environ
        self._platform = platform

    def named(self, *variables: str) -> Path | None:
        """Return the folder that the first of these variables names; None where none is set."""
        return self.chosen(next((self._environ[name] for name in variables if self._environ.get(name)), None))

    def chosen(self, text: str | None) -> Path | None:
        """Return the folder that a program's settings name, a `~` replaced; None for half a path."""
        if not text or "\0" in text:
            return None
        path = self.home / text[2:] if text.startswith(("~/", "~\\")) else Path(text)
        return path if path.is_absolute() else None

    @property
    def home(self) -> Path:
        told = self._environ.get("USERPROFILE" if self._platform == "win32" else "HOME")
        return Path(told) if told else Path.home()

    @property
    def data(self) -> Path:
        """Where applications keep what they need."""
        if self._platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self._platform == "win32":
            return self.named("APPDATA") or self.home / "AppData" / "Roaming"
        return self.named("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> Path:
        """The same, for what stays on this machine."""
        if self._platform == "win32":
            return self.named("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def configuration(self) -> Path:
        """Where Qt's programs keep their `.ini` files."""
        if self._platform == "win32":
            return self.data
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def cache(self) -> Path:
        return self.named("XDG_CACHE_HOME") or self.home / ".cache"

    @property
    def is_linux(self) -> bool:
        return self._platform.startswith("linux")
