"""What was measured, in one JSON file that later runs add to."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fireside.engines import machine, processor
from fireside.probing import fetching_bytes_per_s


class Figure(NamedTuple):
    """What one side did in one piece. `failed` says why there are no values."""

    piece: str
    what: str
    side: str
    model: str
    unit: str
    values: tuple[float, ...] = ()
    failed: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Results:
    """All figures, and the file that has them. A piece that is measured anew replaces its figures."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.machine: dict[str, Any] = known.get("machine", {})
        self.loads: dict[str, float] = known.get("loads", {})
        """the load average when a piece began"""
        self.sizes: dict[str, int] = known.get("sizes", {})
        """of the models, in bytes"""
        told = (Figure(**one | {"values": tuple(one["values"])}) for one in known.get("figures", []))
        self._figures = {one[:4]: one for one in told}

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._figures.values())

    def begin(self, piece: str, model: str, sides: list[str]) -> None:
        """Forget what the piece said of these sides."""
        gone = [key for key in self._figures if key[0] == piece and key[2] in sides and key[3] == model]
        for key in gone:
            del self._figures[key]
        self.loads[f"{piece} {model}"] = round(os.getloadavg()[0], 2)

    def add(self, piece: str, what: str, side: str, model: str, unit: str, value: float) -> None:
        key = (piece, what, side, model)
        before = self._figures.get(key, Figure(*key, unit))
        self._figures[key] = before._replace(values=(*before.values, round(value, 4)))

    def fail(self, piece: str, side: str, model: str, reason: str) -> None:
        key = (piece, "", side, model)
        self._figures[key] = Figure(*key, "", failed=reason)

    def of(self, piece: str, what: str, side: str, model: str) -> Figure | None:
        found = self._figures.get((piece, what, side, model))
        return found if found and found.values else None

    def failure(self, piece: str, side: str, model: str) -> str:
        found = self._figures.get((piece, "", side, model))
        return found.failed if found else ""

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(one.model for one in self if one.model))

    def save(self) -> None:
        figures = [one._asdict() for one in self]
        told = {"machine": self.machine, "sizes": self.sizes, "loads": self.loads, "figures": figures}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(told, indent=1) + "\n")
        new.replace(self._path)


def described() -> dict[str, Any]:
    """Return what the machine is, and what it could do at the most."""
    cores = machine.usable_cores()
    return {
        "processor": processor.name(),
        "cores": cores,
        "flags": processor.abilities(),
        "memory_bytes": machine.available_bytes(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": round(os.getloadavg()[0], 2),
        "bandwidth_bytes_per_s": {str(n): round(fetching_bytes_per_s(n)) for n in sorted({1, cores})},
    }
