"""What a file must be, whoever sends it."""

from __future__ import annotations

import msgspec


class Expected(msgspec.Struct, frozen=True):
    """A file as its source describes it: by its SHA-256, or by the hash that git gives it."""

    url: str
    size_bytes: int | None
    sha256: str | None = None
    git_sha1: str | None = None

    @property
    def part_name(self) -> str:
        """What it is called on its way: the same content has the same name, wherever it comes from."""
        return f"{self.sha256 or self.git_sha1}.part"
