"""Personas: a name, a description and defaults, each in a TOML file of its own.

A few come with the program; a person's own of the same name stands before it.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from pathlib import Path

import msgspec

from fireside.cards import PERSONA_NAME, Persona
from fireside.errors import BadRequest, ConfigError, Conflict, PersonaNotFound
from fireside.personas.toml import MAX_BYTES, from_toml, to_toml
from fireside.written import write_whole

BUILTIN = Path(__file__).parent / "builtin"
_NAMED = re.compile(r"""^\s*["']?name["']?\s*=""", re.MULTILINE)
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}

__all__ = ["Personas", "from_toml", "to_toml"]


class Personas:
    """The personas of one folder and those of the program. Upper and lower case are the same name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> tuple[Persona, ...]:
        """Return every persona by name; a damaged file is left out here, and `get` says what is wrong."""
        found = {_key(persona.name): persona for persona in _readable(BUILTIN)}
        found |= {_key(persona.name): persona for persona in _readable(self._folder)}
        return tuple(found[key] for key in sorted(found))

    def get(self, name: str) -> Persona:
        """Return one persona.

        PersonaNotFound offers the nearest names; ConfigError names the line and key of a damaged file.
        """
        if not PERSONA_NAME.fullmatch(name):
            raise self._not_found(name)
        for folder in (self._folder, BUILTIN):
            path = folder / _file_name(name)
            if path.is_file():
                return _read(path)
        raise self._not_found(name)

    def save(self, name: str, text: str) -> Persona:
        """Keep the TOML `text` as the persona `name`; BadRequest names the line and key that are wrong."""
        if not PERSONA_NAME.fullmatch(name) or name != name.strip():
            raise BadRequest(
                f"{name!r} can't be a persona's name",
                hint="a name has up to 60 letters, digits, spaces, dots, hyphens and underscores",
                param="name",
            )
        persona = from_toml(text, name=name)
        if not _NAMED.search(text):
            # The file's name has lost upper and lower case; the persona's own must not.
            text = f"name = {json.dumps(name, ensure_ascii=False)}\n{text}"
            persona = from_toml(text)
        if _key(persona.name) != _key(name):
            raise BadRequest(
                f"the text is of {persona.name!r}, not of {name!r}",
                hint="use one name for both",
                param="toml",
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._folder / _file_name(name), text.encode())
        except OSError as error:
            raise ConfigError(
                f"{self._folder}: {error.strerror}", hint="make the folder writable, and room on its disk"
            ) from error
        return persona

    def remove(self, name: str) -> None:
        """Delete a person's own persona; Conflict for one that comes with the program."""
        persona_file = self._folder / _file_name(name) if PERSONA_NAME.fullmatch(name) else None
        if persona_file is not None and persona_file.is_file():
            try:
                return persona_file.unlink()
            except OSError as error:
                raise ConfigError(
                    f"{persona_file}: {error.strerror}", hint="make its folder writable"
                ) from error
        self.get(name)
        raise Conflict(
            f"{name} comes with the program",
            hint=f"`fireside personas edit {name}` puts your own in its place",
        )

    def _not_found(self, name: str) -> PersonaNotFound:
        names = {_key(persona.name): persona.name for persona in self.list()}
        near = [names[key] for key in difflib.get_close_matches(_key(name), names)]
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names.values())}"
        return PersonaNotFound(f"there is no persona {name!r}", hint=hint, param="persona")


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


def _file_name(name: str) -> str:
    """Return the file name of a persona; one that Windows keeps for itself gets a `~`.

    >>> _file_name("Bob"), _file_name("con")
    ('bob.toml', 'con~.toml')
    """
    key = _key(name)
    return f"{key}~.toml" if key.partition(".")[0].strip() in _RESERVED else f"{key}.toml"


def _readable(folder: Path) -> list[Persona]:
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(_read(path))
        except ConfigError:
            continue
    return found


def _read(path: Path) -> Persona:
    """Return the persona of a file, whose name and file name must agree."""
    stem = path.stem.removesuffix("~")
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise ConfigError(f"{path} is not a file", hint="move it out of the folder of personas")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
        persona = from_toml(text, name=stem)
    except BadRequest as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="make the file readable") from error
    if _key(persona.name) != _key(stem):
        raise ConfigError(
            f"{path}: the persona in it is called {persona.name!r}",
            hint="give the file and the persona one name",
        )
    return msgspec.structs.replace(persona, source=None) if path.parent == BUILTIN else persona
