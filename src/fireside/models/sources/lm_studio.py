"""The source `lmstudio:`: LM Studio's models, named by their place in its folder.

Layout: `publisher/model/file.gguf` (https://lmstudio.ai/docs/app/advanced/import-model); where the folder is:
`findLMStudioHome` and `modelsFolder.ts` of lmstudio-ai's lmstudio.js and lms.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fireside.models.foreign import Damaged, read_table
from fireside.models.other_programs import Kept, OtherProgram, weights_at, weights_under

MAX_SETTINGS_BYTES = 4 << 20
MAX_PATH_BYTES = 4_096


class LmStudio(OtherProgram):
    source = "lmstudio"
    program = "LM Studio"

    def roots(self) -> tuple[Path, ...]:
        home = self._home()
        try:
            chosen = read_table(home / "settings.json", MAX_SETTINGS_BYTES).text("downloadsFolder")
        except (Damaged, OSError):
            chosen = None
        return (self.places.chosen(chosen) or home / "models",)

    def _home(self) -> Path:
        pointer = self.places.home / ".lmstudio-home-pointer"
        if pointer.is_file():
            with pointer.open("rb") as file:
                told = file.read(MAX_PATH_BYTES).decode("utf-8", "replace").strip()
            if chosen := self.places.chosen(told):
                return chosen
        older = self.places.cache / "lm-studio"
        return older if older.is_dir() else self.places.home / ".lmstudio"

    def kept_in(self, root: Path) -> Iterator[Kept]:
        return weights_under(root, self.program)

    def kept_at(self, root: Path, name: str) -> Kept | None:
        return weights_at(root, name, self.program)

    def removal(self, name: str) -> str:
        return "delete it in LM Studio under My Models"
