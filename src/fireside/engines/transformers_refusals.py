"""Why a folder wasn't loaded by transformers, in words that say what to do."""

from __future__ import annotations

from fireside.engines.child import Child
from fireside.engines.protocol import ModelFile
from fireside.engines.transformers_task import Refused
from fireside.errors import (
    EngineError,
    EngineOutOfMemory,
    EngineUnavailable,
    FiresideError,
    ModelDamaged,
    NotTrusted,
)

MISSING = (
    "install them into the same environment: pip install 'fireside[transformers]' "
    "(docs/guides/transformers.md says how to keep that small without a graphics processor)"
)


async def refusal(child: Child, model: ModelFile, refused: Refused) -> FiresideError:
    """Return the error for what the child said before it left."""
    crash: EngineError = await child.death()
    name = model.reference
    if refused.what == "memory" or isinstance(crash, EngineOutOfMemory):
        return EngineOutOfMemory(
            f"there is not enough memory to load {name}",
            hint="close other programs, or choose a smaller model",
        )
    if refused.what == "library":
        return EngineUnavailable(f"a library that {name} needs can't be loaded: {refused.text}", hint=MISSING)
    if refused.what == "setting":
        return EngineUnavailable(refused.text, hint="leave `transformers_weights` out of the settings")
    if refused.what == "code":
        return NotTrusted(
            f"the code of {name} isn't what was allowed: {refused.text} changed",
            hint=f"look at it again: fireside models trust {name}",
        )
    return ModelDamaged(
        f"transformers can't load {name}: {refused.text[:500]}",
        hint=f"fetch the model again, or choose another; the folder is {model.path}",
    )
