"""What Linux tells of cores, quotas and power, read from trees that are made like the kernel's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fireside.engines import control_groups, machine
from fireside.engines.cores import logical_cores, physical_cores


def made(root: Path, files: dict[str, object]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def cpu(number: int, siblings: str, *, called: str = "core_cpus_list", **told: object) -> dict[str, object]:
    """The files of one logical core."""
    names = {"capacity": "cpu_capacity", "mhz": "cpufreq/cpuinfo_max_freq"}
    core = f"system/cpu/cpu{number}"
    return {f"{core}/topology/{called}": siblings} | {f"{core}/{names[name]}": n for name, n in told.items()}


def test_two_hyper_threads_are_one_core(tmp_path: Path) -> None:
    tree = cpu(0, "0,4") | cpu(1, "1,5") | cpu(4, "0,4") | cpu(5, "1,5")
    assert physical_cores({0, 1, 4, 5}, made(tmp_path, tree)) == (1.0, 1.0)


def test_a_kernel_before_5_3_calls_them_thread_siblings(tmp_path: Path) -> None:
    tree = cpu(0, "0-1", called="thread_siblings_list") | cpu(1, "0-1", called="thread_siblings_list")
    assert physical_cores({0, 1}, made(tmp_path, tree)) == (1.0,)


def test_cores_that_this_process_may_not_use_dont_count(tmp_path: Path) -> None:
    tree = cpu(0, "0-1") | cpu(1, "0-1") | cpu(2, "2-3") | cpu(3, "2-3")
    assert physical_cores({1}, made(tmp_path, tree)) == (1.0,)


def test_the_kernel_tells_arms_small_cores_by_their_capacity(tmp_path: Path) -> None:
    tree = cpu(0, "0", capacity=256, mhz=1) | cpu(1, "1", capacity=512) | cpu(2, "2", capacity=1024)
    assert physical_cores({0, 1, 2}, made(tmp_path, tree)) == (1.0, 0.5, 0.25)


def test_else_by_their_frequency(tmp_path: Path) -> None:
    tree = cpu(0, "0", mhz=5_000_000) | cpu(1, "1", mhz=4_000_000)
    assert physical_cores({0, 1}, made(tmp_path, tree)) == (1.0, 0.8)


def test_intels_efficiency_cores_count_half_at_most(tmp_path: Path) -> None:
    tree = cpu(0, "0-1", mhz=5_000_000) | cpu(1, "0-1", mhz=5_000_000) | cpu(2, "2", mhz=4_000_000)
    made(tmp_path, tree | {"cpu_core/cpus": "0-1", "cpu_atom/cpus": "2"})
    assert physical_cores({0, 1, 2}, tmp_path) == (1.0, 0.5)
    assert physical_cores({2}, tmp_path) == (1.0,), "among themselves they are alike"


def test_where_nothing_is_told_each_is_a_core_like_the_others(tmp_path: Path) -> None:
    assert physical_cores({0, 1, 2}, tmp_path) == (1.0, 1.0, 1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="affinities are Linux'")
def test_an_affinity_is_kept_to() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert logical_cores() == {min(before)}
        assert machine.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_there_is_always_a_core() -> None:
    assert 1 <= machine.usable_cores() <= (os.cpu_count() or 1)


V1 = "3:cpuset:/\n2:cpu,cpuacct:/docker/9\n"
V2 = "0::/user.slice/app.service\n"


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        ("0::/\n", {"cgroup.controllers": "cpu", "cpu.max": "150000 100000"}, 1.5),
        ("0::/\n", {"cgroup.controllers": "cpu", "cpu.max": "max 100000"}, None),
        (V2, {"cgroup.controllers": "", "user.slice/app.service/cpu.max": "50000 100000"}, 0.5),
        (V2, {"cgroup.controllers": "", "user.slice/cpu.max": "300000 100000"}, 3.0),
        (
            V2,
            {
                "cgroup.controllers": "",
                "user.slice/cpu.max": "300000 100000",
                "user.slice/app.service/cpu.max": "400000 100000",
            },
            3.0,
        ),
        (V1, {"cpu/docker/9/cpu.cfs_quota_us": "400000", "cpu/docker/9/cpu.cfs_period_us": "100000"}, 4.0),
        (V1, {"cpu/docker/9/cpu.cfs_quota_us": "-1", "cpu/docker/9/cpu.cfs_period_us": "100000"}, None),
        # Seen from inside of a container.
        (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 2.5),
        (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "0"}, None),
        (V2, {"cgroup.controllers": "", "cpu.max": "nonsense"}, None),
        ("", {}, None),
    ],
)
def test_the_tightest_quota_counts(
    tmp_path: Path, membership: str, files: dict[str, object], cores: float | None
) -> None:
    (tmp_path / "cgroup").write_text(membership)
    root = made(tmp_path / "fs", files)
    assert control_groups.cpu_quota(tmp_path / "cgroup", root) == cores


BATTERY = {"BAT0/type": "Battery", "BAT0/status": "Discharging"}


@pytest.mark.parametrize(
    ("files", "lives_on_it"),
    [
        (BATTERY, True),
        (BATTERY | {"AC/type": "Mains", "AC/online": "0"}, True),
        (BATTERY | {"AC/type": "Mains", "AC/online": "1"}, False),
        (BATTERY | {"BAT0/status": "Full"}, False),
        (BATTERY | {"BAT0/scope": "Device"}, False),  # a mouse's
        ({"AC/type": "Mains", "AC/online": "1"}, False),
        ({}, False),
    ],
)
def test_a_battery_that_is_lived_on_is_noticed(
    tmp_path: Path, files: dict[str, object], lives_on_it: bool
) -> None:
    assert machine.on_battery(made(tmp_path / "power_supply", files)) is lives_on_it


def test_without_power_supplies_there_is_no_battery(tmp_path: Path) -> None:
    assert not machine.on_battery(tmp_path / "nothing")
