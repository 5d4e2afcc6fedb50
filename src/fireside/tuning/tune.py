"""Tunes one model in the engine of today, and keeps what was found as its profile."""

from __future__ import annotations

import os

import msgspec

from fireside.busyness import others_compute
from fireside.engines import machine
from fireside.engines.built import chosen
from fireside.engines.fit import memory_allows, need_of
from fireside.engines.llamacpp_builds import is_changed
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.engines.tuned import conditions, profiles_of
from fireside.errors import BadRequest, EngineError, ModelNotFound, NotEnoughMemory
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.models.references import place_of
from fireside.profiles import USUAL_SLOTS, Profile, Wish
from fireside.settings import Home, Settings, load_settings
from fireside.tuning.descent import Descent, Tell
from fireside.tuning.trials import CONTEXT_LENGTH, SLOTS


async def tune(home: Home, settings: Settings, wish: Wish, tell: Tell) -> Profile:
    """Find how the model runs best here, and keep it unless nothing is to be written.

    ModelNotFound where it isn't here, BadRequest where another engine runs it, NotEnoughMemory where it can't
    be held twice, EngineError where the engine can't run or the profile can't be written.
    """
    model = _model(home, settings, wish.model)
    today = chosen(settings, home.engines)
    small = msgspec.structs.replace(model, context_length=min(model.context_length, CONTEXT_LENGTH))
    if not memory_allows(small, SLOTS) or not _holds_two(small):
        raise NotEnoughMemory(
            f"two of {model.reference} are compared side by side, and there is no room for that",
            hint="close other programs, unload models (fireside models unload), or tune a smaller model",
        )
    was_busy = await others_compute()
    descent = Descent(
        starter(),
        model,
        today,
        is_busy=was_busy,
        limit_s=wish.limit_s,
        tell=tell,
        is_changed=is_changed(today),
    )
    found = await descent.go()
    needed = need_of(msgspec.structs.replace(model, tuned=found.tuned), USUAL_SLOTS)
    profile = Profile(
        model=model.reference,
        measured_with=conditions(model, today),
        tuned=found.tuned,
        speeds=found.speeds,
        trials=found.trials,
        memory_bytes=needed.total if needed else None,
        was_busy=was_busy,
    )
    if not wish.dry_run:
        try:
            profiles_of(settings, home).write(profile)
        except OSError as error:
            raise EngineError(
                f"the profile can't be written: {error.strerror}", hint=f"make room in {home.profiles}"
            ) from error
    return profile


def remove_profiles(home: Home, reference: str | None = None) -> int:
    """Delete the profile of one model, or all; return how many there were. Errors as in `tune`."""
    model = _model(home, load_settings(home), reference) if reference else None
    return profiles_of(Settings(), home).remove(model)


def _model(home: Home, settings: Settings, reference: str | None) -> ModelFile:
    library = Library(home.models, os.environ, aliases=home.aliases)
    meant = library.meant(reference or settings.model)
    if place_of(meant) != "here":
        raise BadRequest(f"{meant} runs elsewhere", hint="tune it there")
    file = ModelFiles(library, settings).at_hand(meant)
    if file is None:
        raise ModelNotFound(f"{meant} isn't here yet", hint=f"fetch it first: fireside models pull {meant}")
    if file.engine != "llamacpp" or file.pooling:
        raise BadRequest(
            f"{meant} has nothing that could be tuned", hint="tune a model that writes and has a GGUF"
        )
    return file


def _holds_two(model: ModelFile) -> bool:
    available, needed = machine.available_bytes(), need_of(model, SLOTS)
    return available is None or needed is None or 2 * needed.total < available
