"""A server that nobody asks sleeps, and still knows the time when somebody does."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from serving import Served, serving

WATCHED_S = 4.0
MOST_WAKES = 12
"""in that time; a loop that looks ten times a second makes forty"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """A server of this module's own: whatever others asked of one would still be cared for."""
    with serving(tmp_path_factory.mktemp("home"), model=f"file:{smollm2}") as server:
        yield server


def wakes(pid: int) -> int:
    """How often the threads of a process have gone to sleep."""
    told = (thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in told)


@pytest.mark.skipif(sys.platform != "linux", reason="wake-ups are counted by /proc")
def test_nothing_wakes_a_server_that_nobody_asks(served: Served) -> None:
    assert served.http.get("/health").status_code == 200
    time.sleep(1)
    before = wakes(served.process.pid)
    time.sleep(WATCHED_S)
    assert wakes(served.process.pid) - before < MOST_WAKES


def test_each_answer_has_its_own_date(served: Served) -> None:
    first, second = (dated(served) for _ in range(2))
    assert (second - first).total_seconds() >= 1


def dated(served: Served) -> datetime:
    time.sleep(1.1)
    answer = served.http.get("/health")
    (date,) = answer.headers.get_list("date")
    return parsedate_to_datetime(date)
