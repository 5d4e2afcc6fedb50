"""How much memory the graphics processors have, as their makers' drivers tell it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

CARDS = Path("/sys/class/drm")
ASKING_S = 5.0
UNIFIED_SHARE = 0.75
"""of a Mac's memory, that its graphics processor may take (Metal's `recommendedMaxWorkingSetSize`)"""


def graphics_bytes() -> int | None:
    """Return the memory of all graphics processors together; None where there is none, or nobody tells."""
    return _of_nvidia() or of_amd() or _of_apple()


def _of_nvidia() -> int | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    asked = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=ASKING_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return mebibytes(told)


def mebibytes(told: str) -> int | None:
    """Return the bytes that `nvidia-smi` tells in lines of MiB.

    >>> mebibytes("24576\\n24576\\n"), mebibytes("[N/A]\\n")
    (51539607552, None)
    """
    numbers = [int(line) for line in told.split() if line.isdigit()]
    return sum(numbers) * 2**20 or None


def of_amd(cards: Path = CARDS) -> int | None:
    """Return what the amdgpu driver tells (Linux, `mem_info_vram_total`)."""
    total = 0
    for path in cards.glob("card*/device/mem_info_vram_total"):
        try:
            total += int(path.read_text())
        except (OSError, ValueError):
            continue
    return total or None


def _of_apple() -> int | None:
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return None
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * UNIFIED_SHARE)
