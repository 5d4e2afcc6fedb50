"""The source `gpt4all:`: GPT4All's models, .gguf files in one folder.

Where the folder is: `defaultLocalModelsPath` and `modelPath` in nomic-ai/gpt4all's mysettings.cpp.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fireside.models.elsewhere import Kept, OtherProgram, weights_under

PARTIAL = "incomplete-"
"""how the names of files begin that are on their way"""


class Gpt4All(OtherProgram):
    source = "gpt4all"
    program = "GPT4All"

    def roots(self) -> tuple[Path, ...]:
        return (self._chosen() or self.places.local_data / "nomic.ai" / "GPT4All",)

    def _chosen(self) -> Path | None:
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            settings.read(self.places.configuration / "nomic.ai" / "GPT4All.ini", encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            return None
        chosen = settings.get("General", "modelPath", fallback="").strip('"')
        return Path(chosen) if chosen else None

    def kept_in(self, root: Path) -> Iterator[Kept]:
        for kept in weights_under(root, self.program):
            if kept.path.name.startswith(PARTIAL):
                told = {
                    "problem": "it isn't fully downloaded",
                    "hint": "let GPT4All finish, or fetch it anew",
                }
                yield msgspec.structs.replace(kept, **told)
            else:
                yield kept

    def removal(self, name: str) -> str:
        return "remove it in GPT4All under Models"
