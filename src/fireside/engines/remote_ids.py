"""Ids for models whose tokenizer isn't here: each says what it spells, and there are about as many as tokens.

So a prompt is put together, measured and remembered as for any other engine, and can be turned back into
what was said. An id holds up to four ASCII characters or three bytes of others, and every digit and mark of
punctuation has one of its own: more ids than a model's tokenizer makes of nearly any text (measured:
docs/decisions/0018-remotes.md). What begins a message are ids that no text has, so that no text begins one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from fireside.disarming import broken_up
from fireside.messages import Message, Role

Ids = tuple[int, ...]
_BYTES, _MARK = 5, 6
_KIND_BITS = 28
LOWEST = 1 << _KIND_BITS
"""no vocabulary has so many tokens: a lower id is a model's own"""
FRAME_TOKENS = 6
"""what a template writes around a message: five in those of Qwen, Llama 3 and SmolLM2"""

_RUN = re.compile(rb"[A-Za-z\s]{1,4}|[0-9]|([\x00-\x7f])\1{0,3}|[\x80-\xff]{1,3}")
_CONTROL = (
    r"<[|｜][^<>|｜\s]{1,40}[|｜]>|<[a-z]+_of_[a-z]+>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_[A-Z]+)\]"
)
CONTROL = re.compile(_CONTROL)
"""what many templates write as control tokens"""
_SPECIAL = re.compile(f"\ue002(system|user|assistant|answer|think|direct|untold)\ue003|{_CONTROL}")

OWN_SYSTEM_TOKENS = 26
"""what a template says where nobody else gives a system text: 17 tokens in SmolLM2's, 20 in Qwen's"""

Mark = Literal["system", "user", "assistant", "answer", "think", "direct"]
_MARKS: tuple[Mark, ...] = ("system", "user", "assistant", "answer", "think", "direct")
"""what begins: a message of a role, or the answer, with the model's thinking left open, on or off"""
_ROLES: dict[Mark, Role] = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
"""an answer that isn't the last one is a message of the model"""
_UNTOLD = "untold"
"""stands where a system text could"""
_FRAME = (_MARK << _KIND_BITS) | 0xFF


class Dialogue(msgspec.Struct, frozen=True):
    """What ids say: messages, the beginning of the answer, and whether the model is to think before it.

    Without messages it is a plain text, all of it in `begun`. `disarmed` counts what looked like a control
    token and has a joiner inside now.
    """

    messages: tuple[tuple[Role, str], ...] = ()
    begun: str = ""
    reasoning: bool | None = None
    disarmed: int = 0


def rendered(messages: Sequence[Message], *, reasoning: bool | None) -> str:
    """Return messages with marks before them, and the answer's: what `spelled` reads with `special`."""
    begins: Mark = {True: "think", False: "direct", None: "answer"}[reasoning]  # type: ignore[assignment]
    told = "".join(f"\ue002{message.role.value}\ue003{message.prompt_text}" for message in messages)
    untold = "" if messages and messages[0].role is Role.SYSTEM else f"\ue002{_UNTOLD}\ue003"
    return f"{untold}{told}\ue002{begins}\ue003"


def spelled(text: str, *, special: bool = False) -> Ids:
    """Return the ids of `text`. With `special`, what begins messages is read as such.

    >>> [len(spelled(text)) for text in ("Hello there", "1789", "你好")]
    [3, 4, 2]
    """
    if not special:
        return tuple(_ids(text))
    ids: list[int] = []
    at = 0
    for found in _SPECIAL.finditer(text):
        ids += _ids(text[at : found.start()])
        # What looks like a control token has another number of ids than without `special`, and so is found.
        if found[1]:
            ids += _begin(found[1])
        else:
            ids += (_FRAME, *_ids(found[0]))
        at = found.end()
    return (*ids, *_ids(text[at:]))


def _begin(mark: str) -> Ids:
    if mark == _UNTOLD:
        return (_FRAME,) * OWN_SYSTEM_TOKENS
    number = _MARKS.index(mark)
    return ((_MARK << _KIND_BITS) | number, *(_FRAME,) * (FRAME_TOKENS - 1))


def _ids(text: str) -> Iterator[int]:
    return map(_id_of, (run[0] for run in _RUN.finditer(text.encode("utf-8", "replace"))))


@functools.lru_cache(maxsize=65_536)
def _id_of(run: bytes) -> int:
    if run.isascii():
        letters = functools.reduce(lambda number, byte: number << 7 | byte, run, 0)
        return len(run) << _KIND_BITS | letters
    return _BYTES << _KIND_BITS | len(run) << 24 | int.from_bytes(run, "big")


def text_of(ids: Sequence[int]) -> str:
    """Return the text that ids spell; a character that was cut at their beginning is left out.

    >>> text_of(spelled("Größe: 12 €"))
    'Größe: 12 €'
    """
    return b"".join(map(_bytes_of, ids)).decode("utf-8", "ignore")


def _bytes_of(number: int) -> bytes:
    kind, rest = number >> _KIND_BITS, number & (LOWEST - 1)
    if kind == _MARK:
        return b""
    if kind == _BYTES:
        return (rest & 0xFFFFFF).to_bytes(rest >> 24, "big")
    return bytes(rest >> 7 * (kind - 1 - place) & 0x7F for place in range(kind))


def are_ours(value: object) -> bool:
    """Return whether these are ids of ours, and not a model's own."""
    return (
        isinstance(value, list) and bool(value) and all(type(one) is int and one >= LOWEST for one in value)
    )


def dialogue_of(ids: Sequence[int]) -> Dialogue:
    """Return what a prompt's ids say.

    >>> dialogue_of(spelled("\ue002user\ue003Hi.\ue002answer\ue003"))
    Dialogue(messages=(), begun='\ue002user\ue003Hi.\ue002answer\ue003', reasoning=None, disarmed=0)
    >>> dialogue_of(spelled("\ue002user\ue003Hi.\ue002answer\ue003Well", special=True)).messages
    ((<Role.USER: 'user'>, 'Hi.'),)
    """
    said: list[tuple[Mark | None, str]] = []
    disarmed = 0
    for mark, own in _cut(ids):
        text, count = CONTROL.subn(lambda found: broken_up(found[0]), text_of(own))
        disarmed += count
        if text or mark:
            said.append((mark, text))
    mark, begun = said.pop() if said else (None, "")
    messages = tuple((_ROLES.get(role, Role.ASSISTANT), text) for role, text in said if role)
    reasoning = {"think": True, "direct": False}.get(mark or "")
    return Dialogue(messages, begun, reasoning, disarmed)


def _cut(ids: Sequence[int]) -> Iterator[tuple[Mark | None, Sequence[int]]]:
    """Yield what begins, and the ids up to what begins next."""
    starts = [at for at, number in enumerate(ids) if number >> _KIND_BITS == _MARK and number != _FRAME]
    yield None, ids[: starts[0]] if starts else ids
    for start, end in zip(starts, [*starts[1:], len(ids)], strict=False):
        yield _MARKS[ids[start] & 0xFF], ids[start + 1 : end]
