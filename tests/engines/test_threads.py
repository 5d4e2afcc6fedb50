"""How many threads an engine gets: the choice, what it is made from, and that the engine really has them."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fireside.engines import machine
from fireside.engines.conditions import Watch
from fireside.engines.cores import logical_cores
from fireside.engines.llamacpp import LlamaCppEngine, start
from fireside.engines.protocol import ModelFile
from fireside.engines.threads import Choice, Conditions, Threads, Wish, choose
from fireside.settings import Settings

FOUR = (1.0,) * 4
TWO = (1.0, 1.0)
YIELDING = Choice(yields=True)
SAID = re.compile(r"n_threads = (\d+) \(n_threads_batch = (\d+)\)")
"""what the engine says of itself (llama.cpp's common_params_get_system_info)"""


@pytest.mark.parametrize(
    ("now", "reply", "prompt"),
    [
        (Conditions(cores=(1.0,)), 1, 1),
        (Conditions(cores=TWO), 1, 2),
        (Conditions(cores=FOUR), 3, 4),
        (Conditions(cores=TWO, quota=0.5), 1, 1),
        (Conditions(cores=TWO, quota=1.4), 1, 1),
        (Conditions(cores=TWO, quota=1.5), 1, 2),
        (Conditions(cores=FOUR, quota=2.5), 2, 3),
        (Conditions(cores=FOUR, quota=8.0), 3, 4),
        (Conditions(cores=TWO, busy=0.4), 1, 2),
        (Conditions(cores=TWO, busy=1.0), 1, 1),
        (Conditions(cores=TWO, busy=2.0), 1, 1),
        (Conditions(cores=FOUR, busy=2.0), 2, 2),
        # What others compute on cores beyond the quota isn't taken from it.
        (Conditions(cores=(1.0,) * 16, quota=4.0, busy=10.0), 3, 4),
        (Conditions(cores=(1.0,) * 6 + (0.5,) * 4), 5, 6),
        (Conditions(cores=(1.0,) * 2 + (0.5,) * 8), 9, 10),
        (Conditions(cores=(1.0,) * 8 + (0.5,) * 16), 7, 24),
        (Conditions(cores=(1.0,) * 8, on_battery=True), 4, 8),
        (Conditions(cores=TWO, beside=1), 1, 1),
        (Conditions(cores=(1.0,) * 8, beside=1), 3, 4),
        (Conditions(cores=(1.0,) * 8, beside=20), 1, 1),
    ],
)
def test_threads_are_chosen_for_the_machine_as_it_is(now: Conditions, reply: int, prompt: int) -> None:
    chosen = choose(Choice(), now)
    assert (chosen.reply, chosen.prompt) == (reply, prompt)


def test_what_a_person_wants_is_done_whatever_the_machine_is_like() -> None:
    worst = Conditions(cores=TWO, quota=0.5, busy=2.0, on_battery=True)
    chosen = choose(Choice(Wish(5, 7), Wish(1, 1)), worst)
    assert (chosen.reply, chosen.prompt) == (5, 7)
    assert "settings" in chosen.because
    assert choose(Choice(Wish(prompt=7)), worst).reply == 1


def test_what_was_tuned_holds_while_there_is_room() -> None:
    tuned = Wish(reply=2, prompt=8)
    quiet = choose(Choice(tuned=tuned), Conditions(cores=FOUR))
    assert (quiet.reply, quiet.prompt, quiet.because) == (2, 8, ("tuned",))
    busy = choose(Choice(tuned=tuned), Conditions(cores=FOUR, busy=2.6))
    assert (busy.reply, busy.prompt, busy.because) == (1, 1, ("tuned", "busy"))


def test_threads_that_yield_read_prompts_beside_others() -> None:
    now = Conditions(cores=FOUR, busy=2.0, beside=3)
    assert choose(YIELDING, now).prompt == 4
    assert choose(YIELDING, now).reply == 2
    assert choose(YIELDING, Conditions(cores=FOUR, quota=2.0, busy=1.0)).prompt == 2


@pytest.mark.parametrize(
    ("now", "reply", "prompt"),
    [
        (Conditions(cores=TWO), 2, 2),
        (Conditions(cores=FOUR, busy=2.0, beside=3), 4, 4),
        (Conditions(cores=FOUR, quota=2.0, busy=1.0), 2, 2),
        (Conditions(cores=FOUR, on_battery=True), 2, 4),
    ],
)
def test_threads_that_leave_by_themselves_try_every_core(now: Conditions, reply: int, prompt: int) -> None:
    chosen = choose(Choice(leaves=True), now)
    assert (chosen.reply, chosen.prompt) == (reply, prompt)
    assert "busy" not in chosen.because
    assert choose(Choice(tuned=Wish(reply=1), leaves=True), now).reply == 1


async def test_engines_that_are_loaded_are_counted(model: ModelFile, settings: Settings) -> None:
    before = Watch().conditions().beside
    engine = await start(model, settings)
    assert Watch().conditions().beside == before + 1
    assert Watch().conditions(engine.info.pid).beside == before
    await engine.aclose()
    assert Watch().conditions().beside == before


def test_the_reasons_are_told() -> None:
    now = Conditions(cores=(1.0,) * 4 + (0.25,) * 4, quota=3.0, busy=1.0, on_battery=True)
    assert choose(Choice(), now).because == ("slow_cores", "quota", "busy", "battery")
    assert choose(Choice(), Conditions(cores=FOUR, quota=8.0, busy=0.2)).because == ()


class Stat:
    """A /proc/stat whose cores work as they are told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cores = [*sorted(logical_cores()), 9999]
        self._times = {core: [0] * 10 for core in self.cores}
        self.passes(1.0)

    def passes(self, seconds: float, **worked: float) -> None:
        """Let time pass; `worked` is the share of each core's time that goes to these columns."""
        columns = {
            "user": 0,
            "nice": 1,
            "system": 2,
            "idle": 3,
            "iowait": 4,
            "irq": 5,
            "softirq": 6,
            "steal": 7,
        }
        ticks = seconds * os.sysconf("SC_CLK_TCK")
        for core in self.cores[:-1]:
            for name, share in worked.items():
                self._times[core][columns[name]] += round(share * ticks)
            self._times[core][3] += round((1 - sum(worked.values())) * ticks)
        self._times[9999][0] += round(ticks)  # one that is not ours is always busy
        lines = [f"cpu{core} {' '.join(map(str, times))}" for core, times in self._times.items()]
        self.path.write_text("\n".join(["cpu  1 2 3 4 5 6 7 8 9 10", *lines, "intr 1 2 3", ""]))


@pytest.fixture
def stat(tmp_path: Path) -> Stat:
    return Stat(tmp_path / "stat")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /proc/stat")
def test_what_others_compute_is_measured_on_our_cores_alone(stat: Stat) -> None:
    watch = Watch(stat=stat.path)
    stat.passes(2.0, user=0.25, nice=0.05, system=0.1, softirq=0.05, steal=0.05, iowait=0.3)
    ours = len(logical_cores())
    assert watch.busy_cores() == pytest.approx(0.5 * ours, abs=0.02)
    assert watch.busy_cores(own_s=0.5 * ours * 2.0 - 0.2) == pytest.approx(0.1, abs=0.02)
    assert watch.busy_cores(own_s=100.0) == 0.0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /proc/stat")
def test_where_the_system_doesnt_tell_nobody_is_busy(stat: Stat, tmp_path: Path) -> None:
    assert Watch(stat=tmp_path / "nothing").busy_cores() == 0.0
    still = Watch(stat=stat.path)
    assert still.busy_cores() == 0.0
    (tmp_path / "odd").write_text("cpu0 what is this\n")
    assert Watch(stat=tmp_path / "odd").busy_cores() == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc")
def test_what_this_process_computes_isnt_others(stat: Stat) -> None:
    watch = Watch(stat=stat.path)
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    stat.passes(0.3 / len(logical_cores()), user=1.0)
    assert watch.conditions().busy < 0.2 * len(logical_cores())


@pytest.fixture
def one_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


async def threads_of(model: ModelFile, settings: Settings) -> tuple[Threads, Threads]:
    """What was chosen for an engine, and what it says that it has."""
    engine = await start(model, settings)
    words = "\n".join(engine._child.words())
    await engine.aclose()
    told = SAID.search(words)
    assert told, words
    info = engine.info
    chosen = Threads(info.threads or 0, info.prompt_threads or 0, info.threads_because)
    return chosen, Threads(int(told.group(1)), int(told.group(2)))


@pytest.mark.skipif(sys.platform != "linux", reason="affinities are Linux'")
async def test_an_engine_is_given_what_its_affinity_allows(model: ModelFile, one_core: None) -> None:
    chosen, had = await threads_of(model, Settings())
    assert (chosen.reply, chosen.prompt) == (had.reply, had.prompt) == (1, 1)


async def test_an_engine_really_has_the_threads_that_were_chosen(model: ModelFile) -> None:
    chosen, had = await threads_of(model, Settings())
    assert (chosen.reply, chosen.prompt) == (had.reply, had.prompt)
    assert "settings" not in chosen.because


@pytest.mark.skipif(sys.platform != "linux", reason="environments are read from /proc")
async def test_an_engine_is_told_to_give_up_its_core_when_it_waits(engine: LlamaCppEngine) -> None:
    told = Path(f"/proc/{engine.info.pid}/environ").read_bytes().split(b"\0")
    assert f"GOMP_SPINCOUNT={machine.SPINS}".encode() in told


async def test_the_settings_win(model: ModelFile, settings: Settings) -> None:
    two = msgspec.structs.replace(settings, threads=2, prompt_threads=3)
    chosen, had = await threads_of(model, two)
    assert (chosen.reply, chosen.prompt) == (had.reply, had.prompt) == (2, 3)
    assert "settings" in chosen.because
