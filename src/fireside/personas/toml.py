"""Personas as TOML: what `personas edit` shows, and what is checked before it is kept."""

from __future__ import annotations

import re
import tomllib
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fireside.cards import PERSONA_NAME, Persona, PersonaName
from fireside.errors import BadRequest, TooLarge
from fireside.messages import Defaults, PromptFormat, Sampling, Value
from fireside.settings import key_at_fault, line_of

MAX_BYTES = 64 << 10
SPEAKER = Meta(min_length=1, max_length=60)

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\f": "\\f", "\r": "\\r", "\n": "\\n"}


class PersonaFile(Value, frozen=True):
    """The keys of a persona's TOML file; `description` is the system text."""

    description: str
    name: PersonaName | None = None
    first_message: str | None = None
    model: str | None = None
    format: PromptFormat | None = None
    me: Annotated[str, SPEAKER] | None = None
    you: Annotated[str, SPEAKER] | None = None
    reasoning: bool | None = None
    sampling: Sampling = Sampling()


def from_toml(text: str, *, name: str | None = None) -> Persona:
    """Return the persona that `text` describes; `name` is for one whose text gives none.

    BadRequest names the line and the key that are wrong, TooLarge a text over 64 KiB.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise TooLarge(
            f"a persona has at most {MAX_BYTES >> 10} KiB", hint="shorten its description", param="toml"
        )
    try:
        file = msgspec.convert(tomllib.loads(text), PersonaFile)
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"not TOML: {error}", hint="correct that line", param="toml") from error
    except RecursionError:
        raise BadRequest("not TOML: nested too deeply", hint="a persona is flat", param="toml") from None
    except msgspec.ValidationError as error:
        raise _misfit(text, error) from error
    own = file.name or name
    if own is None or not PERSONA_NAME.fullmatch(own) or own != own.strip():
        raise BadRequest(
            f"line {line_of(text, 'name')}, key name: {own!r} can't be a name"
            if own
            else "the key name is missing",
            hint="a name has up to 60 letters, digits, spaces, dots, hyphens and underscores",
            param="toml",
        )
    defaults = Defaults(
        model=file.model,
        sampling=file.sampling,
        format=file.format,
        me=file.me,
        you=file.you,
        reasoning=file.reasoning,
    )
    return Persona(own, file.description.strip(), file.first_message, defaults, source=text)


def _misfit(text: str, error: msgspec.ValidationError) -> BadRequest:
    message = str(error)
    named = re.search(r"`([^`]*)`", message)
    key = key_at_fault(message) or (named[1] if named else "")
    reason = message.split(" - at ")[0].replace("Object contains unknown field", "a persona has no key")
    reason = reason.replace("Object missing required field", "a persona needs the key")
    known = ", ".join(field.name for field in msgspec.structs.fields(PersonaFile))
    return BadRequest(
        f"line {line_of(text, key)}, key {key}: {reason}", hint=f"the keys are: {known}", param="toml"
    )


def to_toml(persona: Persona) -> str:
    """Return a text from which `from_toml` makes the same persona.

    >>> print(to_toml(Persona("bob", "Bob is a professor in Physics.")), end="")
    name = "bob"
    description = "Bob is a professor in Physics."
    """
    defaults = persona.defaults
    values: dict[str, Any] = {
        "name": persona.name,
        "description": persona.description,
        "first_message": persona.first_message,
        "model": defaults.model,
        "format": defaults.format,
        "me": defaults.me,
        "you": defaults.you,
        "reasoning": defaults.reasoning,
    }
    lines = _lines(values)
    if sampling := _lines(msgspec.structs.asdict(defaults.sampling)):
        lines += ["", "[sampling]", *sampling]
    return "\n".join(lines) + "\n"


def _lines(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {_written(value)}" for key, value in values.items() if value is not None]


def _written(value: str | float | bool | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, str):
        return f'"""\n{_escaped(value, lines=True)}"""' if "\n" in value else f'"{_escaped(value)}"'
    return repr(value)


def _escaped(text: str, *, lines: bool = False) -> str:
    """Return `text` as it stands in a TOML string; `lines` leaves line ends as they are."""

    def escape(found: re.Match[str]) -> str:
        character = found.group()
        return _ESCAPES.get(character) or f"\\u{ord(character):04x}"

    return re.sub(r'[\\"\x00-\x09\x0b-\x1f\x7f]' if lines else r'[\\"\x00-\x1f\x7f]', escape, text)
