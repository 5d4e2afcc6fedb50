"""Whether other programs compute just now, so that what is measured meanwhile says less.

The system's load won't do: it is a mean of minutes, in which what was measured before still counts.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

STAT = Path("/proc/stat")
LISTENED_S = 0.5
BUSY_SHARE = 0.25
"""of the cores' time"""


async def others_compute(stat: Path = STAT) -> bool:
    """Listen for half a second, while we do nothing ourselves; where the system doesn't tell, nobody does."""
    return (await busy_share(LISTENED_S, stat) or 0.0) > BUSY_SHARE


async def busy_share(listened_s: float, stat: Path = STAT) -> float | None:
    """Return how much of all cores' time is used meanwhile, from 0.0 to 1.0; None where nobody tells."""
    begun = _core_time(stat)
    await asyncio.sleep(listened_s)
    now = _core_time(stat)
    if begun is None or now is None or now[1] <= begun[1]:
        return None
    return (now[0] - begun[0]) / (now[1] - begun[1])


def _core_time(stat: Path = STAT) -> tuple[int, int] | None:
    """Return the time that cores have worked, and that they have had (proc_stat(5)); None without both."""
    try:
        times = [int(time) for time in stat.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = sum(times[3:5])
    return sum(times) - idle, sum(times)
