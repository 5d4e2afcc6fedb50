"""Runs the process that writes a model in another format: watched, at the lowest priority, ended with us."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec

from fireside.converting.child import Answer, Finished, Refused, Task, Wrote
from fireside.engines import machine
from fireside.engines.child import Child
from fireside.errors import EngineCrashed, EngineError, EngineUnavailable, ModelDamaged, StoreFull

COMMAND = (sys.executable, "-P", "-m", "fireside.converting.child")
PATIENCE_S, LEAVING_S = 60.0, 5.0
NEVER_SAID = "\0"
"""in the place of a secret: it is told none"""

_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


async def quantise(task: Task, told: Callable[[int], None]) -> Finished:
    """Write the model that `task` describes, and tell the bytes that are written; cancelled, it ends at once.

    ModelDamaged for weights that can't be converted, StoreFull where the disk refuses them, EngineUnavailable
    where the engine's library can't do it, EngineError where the process ends or hangs.
    """
    child = await Child.start(
        COMMAND, machine.child_environment(), first_line=msgspec.json.encode(task) + b"\n", secret=NEVER_SAID
    )
    try:
        while True:
            line = await child.answer(patience_s=PATIENCE_S, size_bytes=task.limit_bytes)
            answer = _answers.decode(line)
            if isinstance(answer, Wrote):
                told(answer.done_bytes)
                continue
            await child.gone_within(LEAVING_S)
            if isinstance(answer, Refused):
                raise _explained(answer)
            return answer
    except EngineCrashed as crash:
        raise EngineError(
            f"the conversion broke off: {crash.message}", hint=f"nothing of it is left; {child.last_words()}"
        ) from crash
    finally:
        await child.aclose()


def _explained(refused: Refused) -> ModelDamaged | StoreFull | EngineUnavailable:
    if refused.what == "weights":
        return ModelDamaged(refused.text, hint="nothing was made of it; get the model's file again")
    if refused.what == "disk":
        return StoreFull(
            f"the converted model can't be written: {refused.text}", hint="make room, then try again"
        )
    return EngineUnavailable(
        f"the engine's library can't convert models on this system: {refused.text}",
        hint="convert it elsewhere, and use the file in place: file:/path/x.gguf",
    )
