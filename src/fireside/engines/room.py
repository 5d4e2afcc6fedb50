"""The memory that engines may have together, and who leaves when another needs it: `memory_budget`.

As many models are loaded at once as fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from fireside.amounts import in_bytes
from fireside.engines import machine
from fireside.engines.fit import memory_allows, need_of, refuse_what_never_fits
from fireside.engines.loaded import Loaded
from fireside.engines.protocol import ModelFile
from fireside.errors import NotEnoughMemory

AUTO = "auto"
UNITS = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
Fits = Callable[[ModelFile, int, int], bool]
Refuse = Callable[[ModelFile, int, int], None]


class Idle(msgspec.Struct, frozen=True):
    """A loaded model that nobody uses."""

    size_bytes: int
    unused_since: float
    idle_s: float
    """how long it may stay so"""

    @property
    def leaves_at(self) -> float:
        return self.unused_since + self.idle_s


class Room:
    """What may be loaded beside what is there. `fits` and `refuse` ask the machine."""

    def __init__(
        self,
        budget: str | int,
        slots: int,
        *,
        fits: Fits = memory_allows,
        refuse: Refuse = refuse_what_never_fits,
    ) -> None:
        self._budget_bytes = budget_bytes(budget, machine.total_bytes())
        self._slots = slots
        self._fits = fits
        self._refuse = refuse

    def has(self, model: ModelFile, placed: Collection[Loaded]) -> bool:
        """Return whether `model` may be loaded beside those that have a place, or will have it soon."""
        taken = self._taken(placed)
        if not taken:
            return True
        if self._budget_bytes is not None and sum(taken) + self._bytes_of(model) > self._budget_bytes:
            return False
        return self._fits(model, self._slots, self._still_to_come(placed))

    def check(self, model: ModelFile, placed: Collection[Loaded]) -> None:
        """Raise NotEnoughMemory where `model` wouldn't fit even if all of `placed` left."""
        needed = self._bytes_of(model)
        if self._budget_bytes is not None and needed > self._budget_bytes:
            raise NotEnoughMemory(
                f"{model.reference} needs about {in_bytes(needed)} of memory; `memory_budget` allows "
                f"{in_bytes(self._budget_bytes)}",
                hint="raise `memory_budget` in the settings, or choose a smaller model or context_length",
            )
        self._refuse(model, self._slots, sum(map(_resident_bytes, placed)))

    def first_to_go(self, model: ModelFile, placed: Collection[Loaded]) -> Loaded | None:
        """Return which of `placed`, that nobody uses, is unloaded for `model`; None where all are used."""
        idle = [one for one in placed if one.engine and not one.users]
        if not idle:
            return None
        told = [Idle(self._bytes_of(one.model), one.unused_since, one.idle_s) for one in idle]
        return idle[least_missed(told, self._missing_bytes(model, placed))]

    def _missing_bytes(self, model: ModelFile, placed: Collection[Loaded]) -> int:
        needed = self._bytes_of(model)
        missing = 0
        if self._budget_bytes is not None:
            missing = needed + sum(self._taken(placed)) - self._budget_bytes
        if (available := machine.available_bytes()) is not None:
            missing = max(missing, needed + self._still_to_come(placed) - available)
        return missing

    def _still_to_come(self, placed: Collection[Loaded]) -> int:
        """Return what those that are being loaded will still take of what seems to be available."""
        return sum(self._bytes_of(one.model) for one in placed if one.engine is None)

    def _taken(self, placed: Collection[Loaded]) -> list[int]:
        return [self._bytes_of(one.model) for one in placed]

    def _bytes_of(self, model: ModelFile) -> int:
        needed = need_of(model, self._slots)
        return needed.total if needed else 0


def least_missed(idle: Sequence[Idle], missing_bytes: int) -> int:
    """Return the place of the model that is unloaded first, so that `missing_bytes` are free.

    One that makes enough room alone goes before several; among those the one that would leave first anyway.

    >>> small, large = Idle(100, unused_since=1, idle_s=600), Idle(4000, unused_since=5, idle_s=600)
    >>> least_missed([small, large], missing_bytes=50), least_missed([small, large], missing_bytes=3000)
    (0, 1)
    >>> least_missed([small, large], missing_bytes=5000)
    0
    >>> kept = Idle(100, unused_since=0, idle_s=1e9)
    >>> least_missed([kept, large], missing_bytes=50)
    1
    """

    def worth(at: int) -> tuple[bool, float]:
        return idle[at].size_bytes < missing_bytes, idle[at].leaves_at

    return min(range(len(idle)), key=worth)


def budget_bytes(budget: str | int, total_bytes: int | None) -> int | None:
    """Return the bytes that a setting means; None for what is free at the time.

    >>> budget_bytes("50 %", 8000), budget_bytes("1.5 GB", None), budget_bytes("2GiB", 0), budget_bytes(9, 0)
    (4000, 1500000000, 2147483648, 9)
    >>> budget_bytes("auto", 8000) is budget_bytes("50%", None) is None
    True
    """
    text = str(budget).lower().replace(" ", "")
    if text == AUTO:
        return None
    unit = text.lstrip("0123456789.")
    number = float(text.removesuffix(unit))
    if unit == "%":
        return None if total_bytes is None else int(total_bytes * number / 100)
    return int(number * UNITS[unit])


def _resident_bytes(loaded: Loaded) -> int:
    pid = loaded.engine.info.pid if loaded.engine else None
    return (machine.resident_bytes(pid) or 0) if pid is not None else 0
