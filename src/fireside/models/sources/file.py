"""The source `file:`: any GGUF file of this machine, used where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fireside.cards import ModelCard
from fireside.errors import Conflict
from fireside.models.inspection import inspect
from fireside.models.sources import Progress


class FileSource:
    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        pass

    def cards(self) -> tuple[ModelCard, ...]:
        return ()

    def card(self, name: str) -> ModelCard:
        return inspect(Path(name), reference=f"file:{name}", origin=f"a file of this machine: {name}")

    async def fetch(self, name: str, progress: Progress) -> None:
        """Check that the file is there; there is nothing to bring."""
        self.card(name)

    def remove(self, name: str) -> None:
        raise Conflict(f"{name} is your own file", hint="Fireside deletes only what it fetched itself")
