"""The source `jan:`: Jan's models, named by their folder.

Layout: `llamacpp/models/NAME/model.yml` in Jan's data folder, with the path of the weights from there
(extensions/llamacpp-extension and src-tauri/src/core/app/commands.rs of janhq/jan).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fireside.models.foreign import Damaged, read_table, real, shown
from fireside.models.front_matter import parse_plain
from fireside.models.other_programs import MAX_VISITED, Kept, OtherProgram, is_inside

MAX_DESCRIPTION_BYTES = 64 << 10
MAX_PATH, MAX_NAME = 2_048, 256
"""bytes; what systems take"""
MODELS = ("llamacpp", "models")
DESCRIPTION = "model.yml"


class Jan(OtherProgram):
    source = "jan"
    program = "Jan"

    def roots(self) -> tuple[Path, ...]:
        return (self._data_folder(),)

    def _data_folder(self) -> Path:
        if told := self.places.named("JAN_DATA_FOLDER"):
            return told
        try:
            chosen = read_table(self.places.data / "Jan" / "settings.json", MAX_DESCRIPTION_BYTES)
        except (Damaged, OSError):
            chosen = None
        folder = self.places.chosen(chosen.text("data_folder")) if chosen else None
        return folder or self.places.data / "Jan" / "data"

    def kept_in(self, root: Path) -> Iterator[Kept]:
        models = root.joinpath(*MODELS)
        for visited, (here, folders, files) in enumerate(os.walk(models, followlinks=False)):
            folders.sort()
            if visited > MAX_VISITED:
                return
            if DESCRIPTION in files and (name := Path(here).relative_to(models).as_posix()) != ".":
                folders.clear()
                yield _described(root, Path(here, DESCRIPTION), name)

    def kept_at(self, root: Path, name: str) -> Kept | None:
        description = root.joinpath(*MODELS, name, DESCRIPTION)
        return _described(root, description, name) if description.exists() else None

    def removal(self, name: str) -> str:
        return "delete it in Jan under Settings, Model Providers, Llama.cpp"


def _can_be(path: str) -> bool:
    """Return whether a file can be called so at all: asking for one that can't is an error."""
    raw = path.encode("utf-8", "replace")
    return (
        path.isprintable() and len(raw) < MAX_PATH and all(len(part) < MAX_NAME for part in raw.split(b"/"))
    )


def _described(root: Path, description: Path, name: str) -> Kept:
    """Return the model that a model.yml describes; its weights must lie in Jan's data folder."""
    home = real(root)
    if not description.is_file() or not is_inside(description, home):
        return Kept(name, description, problem="its description is no file of Jan's folder")
    with description.open("rb") as file:
        told = parse_plain(file.read(MAX_DESCRIPTION_BYTES).decode("utf-8", "replace").splitlines())
    path = next(iter(told.get("model_path", ())), None)
    if path is None or not _can_be(path):
        return Kept(name, description, problem="its description names no weights", hint="get it anew in Jan")
    weights = root / path
    if not is_inside(weights, home):
        return Kept(
            name,
            description,
            problem="its weights lie outside of Jan's folder",
            hint=f"use the file itself: file:{weights}",
        )
    if not weights.exists():
        return Kept(name, weights, problem="its weights are missing", hint="get it anew in Jan")
    title = shown(next(iter(told.get("name", ())), None))
    return Kept(name, weights, title=title, sha256=next(iter(told.get("model_sha256", ())), None))
