"""Why a model wasn't loaded, in words that say what to do."""

from __future__ import annotations

import re

from fireside.engines.child import Child
from fireside.engines.llamacpp_child import Refused
from fireside.engines.protocol import ModelFile
from fireside.errors import EngineError, EngineOutOfMemory, EngineUnavailable, ModelDamaged

_LIBRARY = re.compile(r"(lib[\w+.-]+?\.(?:so[.\d]*|dylib)|[\w.-]+\.dll)")


async def refusal(child: Child, model: ModelFile, refused: Refused) -> EngineError | ModelDamaged:
    """Return the error for what the child said before it left."""
    crash = await child.death()
    if refused.what == "library":
        return missing_library(refused.text)
    if refused.what == "memory" or isinstance(crash, EngineOutOfMemory):
        return EngineOutOfMemory(
            f"there is not enough memory to load {model.reference}",
            hint=f"close other programs, or choose a smaller model or context_length; {child.last_words()}",
        )
    return ModelDamaged(
        f"the engine can't load {model.reference}: {child.last_words()}",
        hint=f"fetch the model again, or choose another; the file is {model.path}",
    )


def missing_library(text: str) -> EngineUnavailable:
    """Return the error for what the loader of libraries said.

    >>> missing_library("libgomp.so.1: cannot open shared object file: No such file").hint
    'install it: `apt install libgomp1` (Debian, Ubuntu), `dnf install libgomp` (Fedora, RHEL)'
    """
    found = _LIBRARY.search(text)
    name = found.group(1) if found else ""
    if name.startswith("libgomp"):
        hint = "install it: `apt install libgomp1` (Debian, Ubuntu), `dnf install libgomp` (Fedora, RHEL)"
    elif name.startswith("libstdc++"):
        hint = "install it: `apt install libstdc++6` (Debian, Ubuntu), `dnf install libstdc++` (Fedora, RHEL)"
    elif name:
        hint = f"install the package of your system that contains {name}"
    else:
        hint = "install Fireside anew: `pip install --force-reinstall fireside`"
    return EngineUnavailable(f"the engine's library can't be loaded: {text}", hint=hint)
