"""The processor's cores as an engine meets them: hyper-threads taken together, and how fast each is.

Format: the kernel's Documentation/ABI/stable/sysfs-devices-system-cpu, and ABI/testing's of the same name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

SYSTEM = Path("/sys/devices")
SIBLINGS = ("core_cpus_list", "thread_siblings_list")
"""which logical cores are one physical core; the second is what kernels before 5.3 call it"""
SPEEDS = ("cpu_capacity", "cpufreq/cpuinfo_max_freq")
"""the kernel's own judgement where it has one (mostly Arm), else the highest frequency"""
SMALL = "cpu_atom/cpus"
"""Intel's efficiency cores, which by their frequency alone would seem little slower"""
SMALL_SPEED = 0.5
"""of a performance core's at most: they multiply half as many numbers at once"""


def logical_cores() -> frozenset[int]:
    """Return the cores that this process may run on, as the system numbers them (its affinity)."""
    tells = hasattr(os, "sched_getaffinity")
    return frozenset(os.sched_getaffinity(0) if tells else range(os.cpu_count() or 1))


def physical_cores(logical: Collection[int], system: Path = SYSTEM) -> tuple[float, ...]:
    """Return the speed of each physical core among `logical`, beside the fastest's 1.0, fastest first.

    Where the system doesn't tell, each logical core is one, and all are alike.
    """
    small = numbers(_text(system / SMALL))
    speeds: dict[frozenset[int], float] = {}
    for number in logical:
        core = system / "system" / "cpu" / f"cpu{number}"
        named = (numbers(_text(core / "topology" / name)) for name in SIBLINGS)
        siblings = next(filter(None, named), frozenset((number,)))
        speeds[siblings] = next(filter(None, (_number(core / name) for name in SPEEDS)), 1.0)
    fastest = max(speeds.values())
    mixed = not small.issuperset(logical)
    shares = (
        min(speed / fastest, SMALL_SPEED if mixed and siblings <= small else 1.0)
        for siblings, speed in speeds.items()
    )
    return tuple(sorted(shares, reverse=True))


def numbers(text: str) -> frozenset[int]:
    """Return the numbers of a list as the kernel writes it.

    >>> sorted(numbers("0-2,8,10-11"))
    [0, 1, 2, 8, 10, 11]
    """
    return frozenset(_counted(text))


def _counted(text: str) -> Iterator[int]:
    for piece in text.strip().split(","):
        first, _, last = piece.partition("-")
        if first.isdigit():
            yield from range(int(first), int(last if last.isdigit() else first) + 1)


def _number(path: Path) -> float:
    text = _text(path).strip()
    return float(text) if text.isdigit() else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
