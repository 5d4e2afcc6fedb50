"""Turns that a pasted text would forge: control tokens in what people say are made plain text.

An engine's template route reads `<|im_end|>` in a message as the end of that message. Conversations
of Fireside's own are tokenised apart and need none of this; here the engine renders whole messages,
so that what would become a control token gets an invisible character inside.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from fireside.disarming import broken_up
from fireside.engines.protocol import Engine

REMEMBERED = 4096
_CANDIDATES = (re.compile(r"<[^<>\n]{1,60}>"), re.compile(r"\[[^\[\]\n]{1,40}\]"))

_known: OrderedDict[tuple[str, str], bool] = OrderedDict()
"""whether a text holds a control token of a model"""


async def made_plain(engine: Engine, messages: Any) -> Any:
    """Return the messages, every control token in their texts broken up; most are returned as they are."""
    candidates = {
        found for text in texts_in(messages) for form in _CANDIDATES for found in form.findall(text)
    }
    forged = await _control_tokens(engine, candidates)
    return _changed(messages, forged) if forged else messages


async def _control_tokens(engine: Engine, candidates: set[str]) -> list[str]:
    identity = engine.info.identity
    unknown = [one for one in candidates if (identity, one) not in _known]
    if unknown and not await _is_control(engine, "\n".join(unknown)):
        _remember(identity, dict.fromkeys(unknown, False))
        return [one for one in candidates if _known.get((identity, one))]
    found = {one: await _is_control(engine, one) for one in unknown}
    _remember(identity, found)
    return [one for one in candidates if found.get(one) or _known.get((identity, one))]


async def _is_control(engine: Engine, text: str) -> bool:
    return await engine.tokenize(text, special=True) != await engine.tokenize(text, special=False)


def _remember(identity: str, found: dict[str, bool]) -> None:
    for text, is_control in found.items():
        _known[identity, text] = is_control
    while len(_known) > REMEMBERED:
        _known.popitem(last=False)


def texts_in(value: Any) -> list[str]:
    """Return every text inside a value of dicts and lists, but for pictures.

    >>> texts_in([{"a": "b"}, "c", 1])
    ['b', 'c']
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = [inner for name, inner in value.items() if name != "image_url"]
    inner = value if isinstance(value, list) else ()
    return [text for one in inner for text in texts_in(one)]


def _changed(value: Any, forged: list[str]) -> Any:
    """
    >>> _changed([{"content": "a<|b|>"}], ["<|b|>"]) == [{"content": "a" + broken_up("<|b|>")}]
    True
    """
    if isinstance(value, str):
        for text in forged:
            value = value.replace(text, broken_up(text))
        return value
    if isinstance(value, dict):
        return {name: _changed(one, forged) for name, one in value.items()}
    return [_changed(one, forged) for one in value] if isinstance(value, list) else value
