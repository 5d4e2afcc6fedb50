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
from fireside.engines.control_groups import memory_left, memory_limit

FINDING = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "TMPDIR")
LANGUAGE = ("LANG", "LANGUAGE", "TZ")
GRAPHICS = (
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION"),
    *("GGML_VK_VISIBLE_DEVICES", "VK_ICD_FILENAMES", "VK_DRIVER_FILES"),
)
PASSED_ON = frozenset((*FINDING, *LANGUAGE, *GRAPHICS))
LOW_PRIORITY = 10
PASSED_ON_PREFIXES = ("LC_", "OMP_", "GOMP_", "KMP_")


def child_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of an engine's process: no keys, nothing of ours or the person's.

    It finds the modules that this process found, and no others.
    """
    passed = {
        name: value
        for name, value in environ.items()
        if name.upper() in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    modules = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
    return passed | {"PYTHONPATH": modules, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def obtainable_bytes(loaded: Iterable[EngineStatus]) -> int | None:
    """Return the memory that a model can have: what is free, and what those that are `loaded` would leave."""
    available = available_bytes()
    held = sum(status.resident_bytes or 0 for status in loaded)
    return None if available is None else available + held


def usable_cores() -> int:
    """Return how many cores this process may really use: its affinity, and the container's quota."""
    tells = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if tells else os.cpu_count() or 1
    quota = _cpu_quota(Path("/sys/fs/cgroup"))
    return max(1, min(cores, int(quota)) if quota else cores)


def _cpu_quota(root: Path) -> float | None:
    """Return the cores' worth of time that a control group grants (cgroup v2, then v1); None for no limit."""
    try:
        granted, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            granted = (root / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not granted.isdigit() or not period.isdigit() or period == "0":
        return None
    return int(granted) / int(period)


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


def busy_share(begun: tuple[int, int] | None) -> float | None:
    """Return how much of all cores' time was used since `begun`, from 0.0 to 1.0; None where nobody tells."""
    now = core_time()
    if begun is None or now is None or now[1] == begun[1]:
        return None
    return (now[0] - begun[0]) / (now[1] - begun[1])


def core_time() -> tuple[int, int] | None:
    """Return the time that cores have worked, and that they have had (proc_stat(5)); None without both."""
    try:
        times = [int(time) for time in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = sum(times[3:5])
    return sum(times) - idle, sum(times)


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
