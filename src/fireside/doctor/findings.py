"""What an examination finds: sentences that can be translated, and ways to mend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fireside.errors import FiresideError

About = Literal[
    "machine", "engine", "libraries", "configuration", "files", "chats", "models", "address", "network"
]
State = Literal["well", "note", "problem"]
"""`note` is worth knowing and hinders nothing; `problem` is what the command fails for"""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and what stands in its places."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.values) if self.values else self.text


def said(text: str, **values: object) -> Said:
    """Return a sentence of the program's own; each has a translation."""
    return Said(text, values)


@dataclass(frozen=True, slots=True)
class Mend:
    """A way to put something right. `do` returns what was done; a FiresideError where it can't be."""

    would: Said
    do: Callable[[], Said]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: About
    state: State
    what: Said
    hint: Said | None = None
    mend: Mend | None = None


def well(about: About, what: Said) -> Finding:
    return Finding(about, "well", what)


def note(about: About, what: Said, hint: Said | None = None) -> Finding:
    return Finding(about, "note", what, hint)


def problem(about: About, what: Said, hint: Said | None = None, mend: Mend | None = None) -> Finding:
    return Finding(about, "problem", what, hint, mend)


def problem_of(about: About, error: FiresideError, mend: Mend | None = None) -> Finding:
    """Return what an error of the program says, in its own words."""
    return Finding(about, "problem", Said(error.message), Said(error.hint) if error.hint else None, mend)
