"""What the parent and the child of the `transformers` engine say to each other when it starts."""

from __future__ import annotations

from typing import Literal

import msgspec

Weights = Literal["auto", "bfloat16", "float16", "float32", "8bit", "4bit"]
"""what they become in memory: `auto` is what suits the processor"""


class Task(msgspec.Struct, frozen=True):
    """What the parent asks for. `key` is the only one that the server will accept."""

    path: str
    """the model's folder"""
    key: str
    context_length: int
    threads: int
    home: str
    """an empty folder of its own, where transformers may put what it likes"""
    weights: Weights = "auto"
    code: dict[str, str] = msgspec.field(default_factory=dict)
    """the model's own code that may run: each file's name and SHA-256; empty for none"""


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """The libraries were found; the model is loaded next."""

    build: str
    graphics: tuple[str, ...] = ()


class Listening(msgspec.Struct, frozen=True, tag="listening"):
    """It is loaded and can be asked."""

    address: str
    device: Literal["cpu", "gpu"]
    dtype: str
    cuttable: bool
    reasons: bool
    offloaded: bool
    """whether a part of it lies in the computer's memory, because the graphics processor has no room"""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there will be no engine."""

    what: Literal["library", "memory", "load", "code", "setting"]
    text: str


Answer = Prepared | Listening | Refused
