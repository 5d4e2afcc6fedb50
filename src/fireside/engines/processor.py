"""Which processor this is, and what of its abilities an engine's speed depends on."""

from __future__ import annotations

import hashlib
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
    flags = _flags()
    return None if flags is None else tuple(one for one in ABILITIES if one in flags.split())


def multiplies_bfloat16() -> bool:
    """Return whether it has instructions for bfloat16 (AVX512-BF16, AMX, or Arm's)."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint((_flags() or "").split())


def identity() -> str:
    """Return what tells this processor from those that can't run what was compiled for it."""
    return f"{name()} {hashlib.sha256((_flags() or '').encode()).hexdigest()[:12]}"


def _flags() -> str | None:
    told = _told()
    return told.get("flags") or told.get("Features")


def _told() -> dict[str, str]:
    """Return what Linux says of the first core."""
    try:
        first, _, _ = INFORMATION.read_text().partition("\n\n")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
