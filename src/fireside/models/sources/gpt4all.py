"""The source `gpt4all:`: GPT4All's models, .gguf files in one folder.

Where the folder is: `defaultLocalModelsPath` and `modelPath` in nomic-ai/gpt4all's mysettings.cpp.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fireside.models.other_programs import Kept, OtherProgram, weights_at, weights_under

PARTIAL = "incomplete-"
"""how the names of files begin that are on their way"""


class Gpt4All(OtherProgram):
    source = "gpt4all"
    program = "GPT4All"

    def roots(self) -> tuple[Path, ...]:
        return (self._chosen() or self.places.local_data / "nomic.ai" / "GPT4All",)

    def _chosen(self) -> Path | None:
        told = self.places.configuration / "nomic.ai" / "GPT4All.ini"
        if not told.is_file():
            return None
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            settings.read(told, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            return None
        return self.places.chosen(settings.get("General", "modelPath", fallback="").strip('"'))

    def kept_in(self, root: Path) -> Iterator[Kept]:
        return map(_checked, weights_under(root, self.program))

    def kept_at(self, root: Path, name: str) -> Kept | None:
        kept = weights_at(root, name, self.program)
        return _checked(kept) if kept else None

    def removal(self, name: str) -> str:
        return "remove it in GPT4All under Models"


def _checked(kept: Kept) -> Kept:
    """Return what was kept with what is wrong with it where its download isn't done."""
    if not kept.path.name.startswith(PARTIAL):
        return kept
    hint = "let GPT4All finish its download"
    return msgspec.structs.replace(kept, problem="it isn't fully downloaded", hint=hint)
