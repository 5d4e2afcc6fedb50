"""The whole way of a build, told step by step: source, tools, compiling, comparing; and back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fireside.builds import Built, Step
from fireside.engines import built, machine, processor
from fireside.engines.llamacpp_builds import CHANGED
from fireside.engines.protocol import ModelFile
from fireside.errors import ModelNotFound
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.models.references import place_of
from fireside.native import changes, source
from fireside.native.build import build
from fireside.native.compare import compare, is_better
from fireside.native.toolchain import find_toolchain
from fireside.settings import FIRST_MODEL, Home, Settings

SLOWER = "it is not faster than the prebuilt engine here"
Tell = Callable[[Step], None]


async def build_engine(home: Home, settings: Settings, tell: Tell, named: str | None = None) -> Built:
    """Build the engine in `home`, compare it with the prebuilt one, and note what was found.

    `named` is the model that it is built for; without one any that is here will do.

    ModelNotFound where no model is here to compare with; the other errors are those of the steps.
    """
    model = model_to_compare(home, settings, named)
    folder = home.engines
    tell(Step("source"))
    code = await source.fetch_source(folder, os.environ, lambda done, all_: tell(Step("source", done, all_)))
    tell(Step("tools"))
    tools = await find_toolchain(folder / "tools", os.environ)
    tell(Step("compiling"))
    programs = await build(
        code,
        _objects(folder, code),
        tools,
        os.environ,
        jobs=machine.usable_cores(),
        compiled=lambda done, all_: tell(Step("compiling", done, all_)),
    )
    server = _settle(programs, folder)
    tell(Step("comparing"))
    compared = await compare(model, settings, server, lambda done, all_: tell(Step("comparing", done, all_)))
    status = server.stat()
    found = Built(
        path=str(server),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        processor=processor.identity(),
        source=source.identity(),
        compiler=tools.compiler,
        compared=compared,
        failed=None if is_better(compared) else SLOWER,
    )
    built.write(folder, found)
    return found


def remove_engine(home: Home) -> bool:
    """Go back to the prebuilt engine and delete all that was built; return whether there was anything."""
    there = home.engines.is_dir()
    shutil.rmtree(home.engines, ignore_errors=True)
    return there


def model_to_compare(home: Home, settings: Settings, named: str | None = None) -> ModelFile:
    """Return a model that is here and that llama.cpp runs: the one named, else the default or the first."""
    library = Library(home.models, os.environ, aliases=home.aliases)
    files = ModelFiles(library, settings)
    for reference in [library.meant(named)] if named else [library.meant(settings.model), FIRST_MODEL]:
        file = files.at_hand(reference) if place_of(reference) == "here" else None
        if file is not None and file.engine == "llamacpp":
            return file
    if named:
        raise ModelNotFound(
            f"{named} isn't here or isn't run by llama.cpp, and a build is compared with it",
            hint="name one of `fireside models list`, or none",
        )
    raise ModelNotFound(
        "no model that llama.cpp runs is here yet, and a build is compared with one",
        hint=f"fetch one first: fireside models pull {FIRST_MODEL}",
    )


def _objects(folder: Path, code: Path) -> Path:
    """Return the folder of what is compiled from this very source; other sources' make way."""
    objects = folder / "objects"
    cache = objects / "CMakeCache.txt"
    if cache.is_file() and str(code) not in cache.read_text(errors="replace"):
        shutil.rmtree(objects, ignore_errors=True)
    return objects


def _settle(programs: Path, folder: Path) -> Path:
    """Copy the programs to where they stay; a running engine keeps the file that it was started from."""
    kept = folder / "bin"
    kept.mkdir(exist_ok=True)
    for program in programs.iterdir():
        new = kept / f"{program.name}.new"
        shutil.copy2(program, new)
        new.replace(kept / program.name)
    (kept / CHANGED).write_text(f"{changes.version()}\n")
    return kept / "llama-server"
