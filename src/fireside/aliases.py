"""Models of one's own making: a name for a model, and what is changed about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from fireside.messages import Sampling, Value

ALIAS = "alias"
"""the source of their references: `alias:poet`, or just `poet`"""
ALIAS_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]|[a-z0-9]")
RESERVED = frozenset(("default", "fireside", "latest"))
"""what other programs call the configured model"""


class AdapterReference(Value, frozen=True):
    """A LoRA adapter (Hu et al., 2021), and how much of it is added to the weights."""

    file: str
    scale: Annotated[float, Meta(ge=-10, le=10)] = 1.0


class Alias(Value, frozen=True):
    """What a name stands for. What is left out is the model's own, or the settings'."""

    model: str
    """a reference; not another alias"""
    adapters: Annotated[tuple[AdapterReference, ...], Meta(max_length=8)] = ()
    projector: str | None = None
    """a GGUF file that turns pictures into what the model reads"""
    context_length: Annotated[int, Meta(ge=256)] | None = None
    """tokens per conversation"""
    idle_s: Annotated[float, Meta(ge=0)] | None = None
    """it is unloaded after so many seconds without use"""
    system: Annotated[str, Meta(max_length=200_000)] | None = None
    sampling: Sampling = Sampling()

    @property
    def needs_an_engine(self) -> bool:
        """Whether it is loaded otherwise than the model itself, so that they can't share an engine."""
        return bool(self.adapters or self.projector or self.context_length)


class Adapter(msgspec.Struct, frozen=True):
    """An adapter's file as an engine is given it. `identity` changes whenever the file does."""

    path: Path
    scale: float
    identity: str


def is_alias_name(text: str) -> bool:
    """Return whether `text` can only be the name of an alias, and no file or reference.

    >>> is_alias_name("poet"), is_alias_name("Gpt-4o"), is_alias_name("x.gguf"), is_alias_name("a/b")
    (True, True, False, False)
    """
    name = text.strip().lower()
    return bool(ALIAS_NAME.fullmatch(name)) and not name.endswith(".gguf")
