"""What the machine has, and what only one operating system knows.

Where a system doesn't tell, the answer is None or the plain default, never an error.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from fireside.cards import EngineStatus
from fireside.engines.control_groups import cpu_quota, memory_left, memory_limit
from fireside.engines.cores import logical_cores

FINDING = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "TMPDIR")
LANGUAGE = ("LANG", "LANGUAGE", "TZ")
GRAPHICS = (
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION"),
    *("GGML_VK_VISIBLE_DEVICES", "VK_ICD_FILENAMES", "VK_DRIVER_FILES"),
)
PASSED_ON = frozenset((*FINDING, *LANGUAGE, *GRAPHICS))
LOW_PRIORITY = 10
SUPPLY = ("type", "scope", "online", "status")
PASSED_ON_PREFIXES = ("LC_", "OMP_", "GOMP_", "KMP_")
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
SPINS = "1000"
"""How often a thread of OpenMP looks whether the others are ready before it sleeps. Its default of 300,000
takes longer than a program keeps a core that it took: all wait in vain (docs/decisions/0023-threads.md)."""


def child_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of an engine's process: no keys, nothing of ours or the person's.

    It finds the modules that this process found, and no others.
    """
    passed = {
        name: value
        for name, value in environ.items()
        if name.upper() in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    if not passed.keys() & set(WAITING):
        passed["GOMP_SPINCOUNT"] = SPINS
    modules = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
    return passed | {"PYTHONPATH": modules, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def obtainable_bytes(loaded: Iterable[EngineStatus]) -> int | None:
    """Return the memory that a model can have: what is free, and what those that are `loaded` would leave."""
    available = available_bytes()
    held = sum(status.resident_bytes or 0 for status in loaded)
    return None if available is None else available + held


def usable_cores() -> int:
    """Return how many cores this process may really use: its affinity, and the container's quota."""
    cores = len(logical_cores())
    quota = cpu_quota()
    return max(1, min(cores, int(quota)) if quota else cores)


def on_battery(supplies: Path = Path("/sys/class/power_supply")) -> bool:
    """Return whether the machine lives on its battery, as far as Linux tells.

    A battery that discharges says so; of a mouse or a pen (`scope` is Device) that means nothing.
    Format: the kernel's Documentation/ABI/testing/sysfs-class-power.
    """
    told = {folder.name: {name: _word(folder / name) for name in SUPPLY} for folder in _listed(supplies)}
    own = [one for one in told.values() if one["scope"] != "Device"]
    plugged_in = any(one["type"] in ("Mains", "USB") and one["online"] == "1" for one in own)
    discharging = any(one["type"] == "Battery" and one["status"] == "Discharging" for one in own)
    return discharging and not plugged_in


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def graphics_device() -> str | None:
    """Return the name of the kind of graphics processor that this machine seems to have."""
    if Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi"):
        return "NVIDIA"
    if Path("/dev/kfd").exists():
        return "AMD"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple"
    return None


def resident_bytes(pid: int) -> int | None:
    """Return the memory that process `pid` holds; None where nobody tells, or it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_s(pid: int) -> float:
    """Return the processor time that process `pid` has used; 0 where nobody tells, or it is gone."""
    try:
        # Behind the name, which may hold anything: proc_pid_stat(5), from its third field on.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def total_bytes() -> int | None:
    """Return the memory that this process may ever have: the machine's, or its control groups' where less."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        machine = None
    return min((one for one in (machine, memory_limit()) if one is not None), default=None)


def available_bytes() -> int | None:
    """Return the memory that could still be used without swapping; None where nobody tells.

    It is the machine's, or what this process's control groups grant where that is less.
    """
    fields = _counters(Path("/proc/meminfo"))
    told = (fields["MemAvailable"] * 1024 if "MemAvailable" in fields else None, memory_left())
    return min((one for one in told if one is not None), default=None)


def kills_for_memory() -> int | None:
    """Return how many processes the system has ended so far because memory ran out."""
    return _counters(Path("/proc/vmstat")).get("oom_kill")


def _counters(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.replace(":", " ").split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdigit()}


def give_way(pid: int) -> None:
    """Let everybody else's work go before that of process `pid`; does nothing where there is no /proc."""
    for thread in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), LOW_PRIORITY)


def tie_to_parent() -> None:
    """Called in an engine's process: die with the parent, leave no core file, be the first to go.

    A core file would hold what was said. On Linux the kernel ends this process when its parent
    dies; elsewhere the end of standard input is the only sign.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes
        import signal

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
        _volunteer_for_the_memory_killer()


def _volunteer_for_the_memory_killer() -> None:
    """When memory runs out it had better be an engine than the server, which owns the conversations."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500")
    except OSError:
        return
