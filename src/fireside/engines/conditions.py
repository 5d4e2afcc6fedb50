"""What an engine meets on this machine at the moment: cores, a quota, what others compute, the battery."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fireside.engines import control_groups, cores, machine
from fireside.engines.child import living
from fireside.engines.llamacpp_builds import leaves
from fireside.engines.threads import OPEN, Choice, Conditions, Threads, Wish, choose
from fireside.settings import Settings

LOOKED_S = 0.15
"""at what others compute, before threads are chosen: as long as a process takes to start"""
STAT = Path("/proc/stat")
TIMES = slice(1, 9)
"""the columns behind a core's name: user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5))"""
IDLE = slice(3, 5)


def at_rest(settings: Settings, tuned: Wish = OPEN) -> Settings:
    """Return the settings with the threads that a model gets alone on a quiet machine: what is measured with
    them doesn't depend on what else is loaded or going on."""
    quiet = Conditions(cores.physical_cores(cores.logical_cores()), control_groups.cpu_quota())
    wanted = Wish(settings.threads, settings.prompt_threads)
    threads = choose(Choice(wanted, tuned, leaves=leaves(settings)), quiet)
    return msgspec.structs.replace(settings, threads=threads.reply, prompt_threads=threads.prompt)


class Watch:
    """Looks how much others compute, from its making on. Where the system doesn't tell, nobody does."""

    def __init__(self, pids: Iterable[int] = (), *, stat: Path = STAT) -> None:
        self._stat = stat
        self._logical = cores.logical_cores()
        self._worked_s, self._had_s = self._times()
        self._own_s = time.process_time()
        self._before = {pid: machine.processor_s(pid) for pid in pids}

    async def threads(self, choice: Choice, pid: int) -> Threads:
        """Choose threads for the engine in process `pid`, which starts meanwhile."""
        if choice.wanted.reply is None or choice.wanted.prompt is None:
            await asyncio.sleep(LOOKED_S)
        return choose(choice, self.conditions(pid))

    def conditions(self, pid: int | None = None) -> Conditions:
        """Return what is found; this process and process `pid` don't count as others."""
        own_s = time.process_time() - self._own_s + (0.0 if pid is None else self.worked_s(pid))
        return Conditions(
            cores=cores.physical_cores(self._logical),
            quota=control_groups.cpu_quota(),
            busy=self.busy_cores(own_s),
            on_battery=machine.on_battery(),
            beside=len(living() - {pid}),
        )

    def worked_s(self, pid: int) -> float:
        """Return the processor time that one of `pids`, or a process begun since, took meanwhile."""
        return machine.processor_s(pid) - self._before.get(pid, 0.0)

    def busy_cores(self, own_s: float = 0.0) -> float:
        """Return how many of the cores were busy on average, but for `own_s` seconds of work."""
        worked_s, had_s = self._times()
        passed_s = (had_s - self._had_s) / len(self._logical)
        return max(0.0, (worked_s - self._worked_s - own_s) / passed_s) if passed_s > 0 else 0.0

    def _times(self) -> tuple[float, float]:
        """Return the seconds that the cores of this process have worked, and that they have had."""
        ours = {f"cpu{number}" for number in self._logical}
        try:
            lines = [line.split() for line in self._stat.read_text().splitlines()]
            counted = [[int(time) for time in line[TIMES]] for line in lines if line and line[0] in ours]
        except (OSError, ValueError):
            return 0.0, 0.0
        had = sum(map(sum, counted))
        idle = sum(sum(times[IDLE]) for times in counted)
        ticks = os.sysconf("SC_CLK_TCK")
        return (had - idle) / ticks, had / ticks
