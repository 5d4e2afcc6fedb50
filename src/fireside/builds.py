"""What is said of an engine that was built here: the record of it, and the steps of a build as they go on."""

from __future__ import annotations

from typing import Literal

import msgspec

from fireside.events import Failed

Stage = Literal["source", "tools", "compiling", "comparing"]


class Compared(msgspec.Struct, frozen=True):
    """A build beside the prebuilt engine, with one model: ratios over 1 say that it is faster."""

    model: str
    reading: float
    writing: float
    drift: float
    """how much its mean log-probability of a text differs, as a share"""


class Built(msgspec.Struct, frozen=True, tag_field="event", tag="built"):
    """One build. The file is known by its size and time, so that a changed one is not used."""

    path: str
    size_bytes: int
    mtime_ns: int
    processor: str
    source: str
    compiler: str
    compared: Compared
    failed: str | None = None
    """why it is not used any more, or never was"""
    outdated: bool = False
    """whether this version of Fireside has another source; told of a record, never kept in it"""


class Step(msgspec.Struct, frozen=True, tag_field="event", tag="step"):
    """How far a build is; `total` is 0 where nobody knows."""

    stage: Stage
    done: int = 0
    total: int = 0


class Prebuilt(msgspec.Struct, frozen=True, tag_field="event", tag="prebuilt"):
    """Nothing is built here, or not any more."""

    removed: bool = False


Said = Step | Built | Prebuilt | Failed
