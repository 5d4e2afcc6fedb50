"""Sampling as people write it: `temperature 0.7`, `seed=5 stop="\\n"`, `top_k none`. Pure."""

from __future__ import annotations

import json
import re
import shlex

import msgspec

from fireside.cli.flags import unescaped
from fireside.cli.languages import _
from fireside.errors import BadRequest
from fireside.messages import Sampling

NAMES = tuple(field.name for field in msgspec.structs.fields(Sampling))
NOTHING = ("none", "default", "off")
_WRITTEN = re.compile(r"([a-z][a-z_-]*)\s*=\s*(.*)", re.DOTALL)


def parse_settings(text: str) -> dict[str, object]:
    """Return the parameters that `text` names and their values; None resets one.

    BadRequest names the parameter that is unknown or whose value doesn't fit.

    >>> parse_settings("temperature 0.7"), parse_settings("seed=5 top-k=none")
    ({'temperature': 0.7}, {'seed': 5, 'top_k': None})
    >>> parse_settings('stop "\\\\n"')
    {'stop': ('\\n',)}
    """
    words = _words(text)
    if len(words) >= 2 and not any(_is_assignment(word) for word in words):
        pairs = (
            [(words[0], " ".join(words[1:]))]
            if words[0] != "stop"
            else [("stop", word) for word in words[1:]]
        )
    else:
        pairs = [_pair(word) for word in words]
    read: dict[str, object] = {}
    for name, value in pairs:
        key = name.replace("-", "_")
        if key not in NAMES:
            raise BadRequest(_("there is no sampling parameter {name}", name=name), hint=_known())
        read[key] = _stops(read.get("stop"), value) if key == "stop" else _value(key, value)
    return read


def is_settings(text: str) -> bool:
    """Return whether every word of `text` assigns a sampling parameter.

    >>> is_settings("temperature=1 seed=2"), is_settings("shorter, please")
    (True, False)
    """
    try:
        return bool(text.strip()) and all(_is_assignment(word) for word in _words(text))
    except BadRequest:
        return False


def written(sampling: Sampling) -> str:
    """Return the parameters that are set, as `/set` takes them.

    >>> written(Sampling(temperature=0.7, stop=("\\n",)))
    'temperature=0.7 stop="\\\\n"'
    """
    pairs: list[str] = []
    for name, value in msgspec.structs.asdict(sampling).items():
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        pairs += [f"{name}={json.dumps(item, ensure_ascii=False)}" for item in values]
    return " ".join(pairs)


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise BadRequest(
            _("a quotation mark is not closed"), hint=_("write it like this: {example}", example='stop "\\n"')
        ) from None


def _is_assignment(word: str) -> bool:
    found = _WRITTEN.fullmatch(word)
    return bool(found) and str(found and found[1]).replace("-", "_") in NAMES


def _pair(word: str) -> tuple[str, str]:
    if found := _WRITTEN.fullmatch(word):
        return found[1], found[2]
    if word.replace("-", "_") in NAMES:
        raise BadRequest(
            _("{name} has no value", name=word),
            hint=_("for example: {example}", example="/set temperature 0.7"),
        )
    raise BadRequest(_("there is no sampling parameter {name}", name=word), hint=_known())


def _known() -> str:
    return _("the parameters are: {names}", names=", ".join(NAMES))


def _value(name: str, text: str) -> object:
    if text.lower() in NOTHING:
        return None
    try:
        sampling = msgspec.convert({name: text}, Sampling, strict=False)
    except msgspec.ValidationError as error:
        reason = str(error).split(" - at ")[0]
        raise BadRequest(
            _("{name} can't be {value}: {reason}", name=name, value=text, reason=reason),
            hint=_("for example: {example}", example=f"/set {name} none"),
        ) from None
    value: object = getattr(sampling, name)
    return value


def _stops(before: object, text: str) -> tuple[str, ...] | None:
    if text.lower() in NOTHING:
        return None
    stop = unescaped(text)
    return (*before, stop) if isinstance(before, tuple) else (stop,)
