"""Which processor this is, and what of its abilities an engine's speed depends on."""

from __future__ import annotations

import platform
from pathlib import Path

INFORMATION = Path("/proc/cpuinfo")
ABILITIES = (
    "avx",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
)
"""as Linux calls them: what multiplies many numbers at once"""


def name() -> str:
    """Return what the processor calls itself."""
    told = _told()
    return told.get("model name") or told.get("Hardware") or platform.processor() or platform.machine()


def abilities() -> tuple[str, ...] | None:
    """Return those of `ABILITIES` that it has; None where the system doesn't tell."""
    told = _told()
    flags = told.get("flags") or told.get("Features")
    return None if flags is None else tuple(one for one in ABILITIES if one in flags.split())


def _told() -> dict[str, str]:
    """Return what Linux says of the first core."""
    try:
        first, _, _ = INFORMATION.read_text().partition("\n\n")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
