"""How much memory a process holds: the one place that asks the system."""

from __future__ import annotations

from pathlib import Path


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process in bytes; None where the system doesn't tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(sizes[0]) * 1024 if sizes else None
