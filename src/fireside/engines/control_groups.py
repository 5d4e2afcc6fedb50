"""What a container or a service may use: limits of Linux' control groups, versions 2 and 1.

Formats: the kernel's Documentation, admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, scheduler/sched-bwc.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

MEMBERSHIP = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


class Version(msgspec.Struct, frozen=True):
    """How the files of one version are called."""

    limits: tuple[str, ...]
    usage: str
    prefix: str
    """of the counters that include the groups below"""
    mapped: str
    kernel: str | None
    """what of the kernel's own memory can be had back"""


V2 = Version(("memory.max", "memory.high"), "memory.current", "", "file_mapped", "slab_reclaimable")
V1 = Version(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_", "total_mapped_file", None)


def memory_left(membership: Path = MEMBERSHIP, root: Path = ROOT) -> int | None:
    """Return the bytes that the groups of this process still grant, the tightest of them; None for no limit.

    What a file left in the cache can be had back, unless somebody uses it: so do the engines with weights.
    """
    left = (_left(group, version) for version, group in _groups("memory", membership, root))
    return min((one for one in left if one is not None), default=None)


def memory_limit(membership: Path = MEMBERSHIP, root: Path = ROOT) -> int | None:
    """Return the tightest limit of the groups of this process; None for no limit."""
    limits = (
        _number(group / name)
        for version, group in _groups("memory", membership, root)
        for name in version.limits
    )
    return min((one for one in limits if one is not None), default=None)


def cpu_quota(membership: Path = MEMBERSHIP, root: Path = ROOT) -> float | None:
    """Return the cores' worth of time that the groups of this process grant; None for no limit."""
    quotas = (_quota(group) for _, group in _groups("cpu", membership, root))
    return min((one for one in quotas if one is not None), default=None)


def _quota(group: Path) -> float | None:
    granted, _, period = _text(group / "cpu.max").strip().partition(" ")
    if not granted:
        granted, period = (_text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    if not granted.isdigit() or not period.isdigit() or period == "0":
        return None
    return int(granted) / int(period)


def _groups(controller: str, membership: Path, root: Path) -> Iterator[tuple[Version, Path]]:
    """Yield the group of this process and those around it: each limit holds for all that is inside."""
    for line in _text(membership).splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0":
            version, base = V2, root if (root / "cgroup.controllers").exists() else root / "unified"
        elif controller in controllers.split(","):
            version, base = V1, root / controller
        else:
            continue
        # Seen from inside of a container the path may lead out of what is mounted there.
        parts = PurePosixPath(path.lstrip("/")).parts
        inside = () if ".." in parts else parts
        for depth in range(len(inside), -1, -1):
            yield version, base.joinpath(*inside[:depth])


def _left(group: Path, version: Version) -> int | None:
    limits = [limit for name in version.limits if (limit := _number(group / name)) is not None]
    used = _number(group / version.usage)
    if not limits or used is None:
        return None
    return max(0, min(limits) - used + _reclaimable(group / "memory.stat", version))


def _reclaimable(path: Path, version: Version) -> int:
    pairs = (line.split() for line in _text(path).splitlines())
    counted = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    cached = sum(counted.get(f"{version.prefix}{kind}_file", 0) for kind in ("active", "inactive"))
    kernel = counted.get(version.kernel, 0) if version.kernel else 0
    return max(0, cached - counted.get(version.mapped, 0)) + kernel


def _number(path: Path) -> int | None:
    """Return a file's number; None for `max`, for nonsense and for no file."""
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
