from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from llmmonitor_sidecar.samplers import cgroups
from llmmonitor_sidecar.samplers.cgroups import CgroupFigures

PID = 42
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
NO_LIMIT_V1 = "9223372036854771712"


def machine(root: Path, mounts: str, of_process: str, files: dict[str, str]) -> Path:
    """A root with the files of /proc and of the cgroup hierarchies."""
    proc = {"proc/self/mountinfo": mounts, f"proc/{PID}/cgroup": of_process}
    for name, text in {**proc, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def figures(root: Path) -> CgroupFigures:
    return cgroups.read(cgroups.locate(PID, root))


V2_POD = {
    "kubepods/memory.max": "max",
    "kubepods/pod1/memory.max": "8589934592",
    "kubepods/pod1/memory.current": "5000000000",
    "kubepods/pod1/memory.stat": "anon 1\ninactive_file 7",
    "kubepods/pod1/memory.events": "oom 9\noom_kill 9",
    "kubepods/pod1/cpu.max": "400000 100000",
    "kubepods/pod1/model/memory.max": "4294967296",
    "kubepods/pod1/model/memory.current": "3000000000",
    "kubepods/pod1/model/memory.stat": "anon 2\ninactive_file 400000000\nactive_file 600000000\nslab 5",
    "kubepods/pod1/model/memory.events": "low 0\nhigh 3\nmax 2\noom 2\noom_kill 1\noom_group_kill 0",
    "kubepods/pod1/model/cpu.max": "150000 100000",
    "kubepods/pod1/model/cpu.stat": "usage_usec 5\nnr_periods 200\nnr_throttled 50\nthrottled_usec 9",
}


def test_version_2(tmp_path: Path) -> None:
    root = machine(tmp_path, V2_MOUNT, "0::/kubepods/pod1/model", V2_POD)

    assert figures(root) == CgroupFigures(
        cpu_limit_cores=1.5,
        cpu_periods=200,
        cpu_throttled_periods=50,
        memory_limit_bytes=4 << 30,
        memory_used_bytes=2_600_000_000,
        memory_held_bytes=2_000_000_000,
        oom_kills=1,
    )


def test_version_1(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/docker/model/cpu.cfs_quota_us": "150000",
        "cpu,cpuacct/docker/model/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/docker/model/cpu.stat": "nr_periods 200\nnr_throttled 50\nthrottled_time 9",
        "memory/docker/model/memory.limit_in_bytes": "4294967296",
        "memory/docker/model/memory.usage_in_bytes": "3000000000",
        "memory/docker/model/memory.stat": "active_file 1\ntotal_inactive_file 400000000\n"
        "total_active_file 600000000",
        "memory/docker/model/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
        "memory/docker/memory.limit_in_bytes": NO_LIMIT_V1,
        "cpu,cpuacct/docker/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/docker/cpu.cfs_period_us": "100000",
    }
    root = machine(tmp_path, V1_MOUNTS, "5:memory:/docker/model\n4:cpu,cpuacct:/docker/model", files)

    assert figures(root) == CgroupFigures(1.5, 200, 50, 4 << 30, 2_600_000_000, 2_000_000_000, 1)


def test_a_pods_limit_counts_where_it_is_the_tightest(tmp_path: Path) -> None:
    unlimited = {
        **V2_POD,
        "kubepods/pod1/model/memory.max": "max",
        "kubepods/pod1/model/cpu.max": "max 100000",
    }
    root = machine(tmp_path, V2_MOUNT, "0::/kubepods/pod1/model", unlimited)

    got = figures(root)

    assert (got.memory_limit_bytes, got.memory_used_bytes, got.oom_kills) == (8 << 30, 4_999_999_993, 9)
    assert got.cpu_limit_cores == 4


def test_without_any_limit_the_processes_own_cgroup_is_read(tmp_path: Path) -> None:
    files = {name: "max 100000" if "cpu.max" in name else text for name, text in V2_POD.items()}
    files = {name: "max" if "memory.max" in name else text for name, text in files.items()}
    root = machine(tmp_path, V2_MOUNT, "0::/kubepods/pod1/model", files)

    got = figures(root)

    assert (got.memory_limit_bytes, got.cpu_limit_cores) == (None, None)
    assert (got.memory_used_bytes, got.oom_kills, got.cpu_periods) == (2_600_000_000, 1, 200)


def test_a_hybrid_is_read_where_each_controller_is(tmp_path: Path) -> None:
    mounts = V1_MOUNTS + "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    files = {
        "memory/model/memory.limit_in_bytes": "1000",
        "memory/model/memory.usage_in_bytes": "600",
        "unified/memory.max": "7",
    }
    root = machine(tmp_path, mounts, "5:memory:/model\n0::/", files)

    got = figures(root)

    assert (got.memory_limit_bytes, got.memory_used_bytes, got.cpu_limit_cores) == (1000, 600, None)


def test_a_container_sees_its_own_cgroup_as_the_root(tmp_path: Path) -> None:
    mounts = "30 23 0:26 /kubepods/pod1/model /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
    root = machine(
        tmp_path, mounts, "0::/kubepods/pod1/model", {"memory.max": "1000", "memory.current": "10"}
    )

    assert (figures(root).memory_limit_bytes, figures(root).memory_used_bytes) == (1000, 10)


@pytest.mark.parametrize("path", ["0::/../../model", "0::/../model", "", "garbage", "0:", "1:name=systemd:/"])
def test_what_is_outside_of_our_view_is_unknown_not_ours(tmp_path: Path, path: str) -> None:
    root = machine(tmp_path, V2_MOUNT, path, {"memory.max": "1000", "cpu.max": "1 1"})

    assert figures(root) == CgroupFigures()


@pytest.mark.parametrize("limit", ["", "many", "-1 -1", "100000 0", "100000"])
def test_a_broken_quota_is_no_quota(tmp_path: Path, limit: str) -> None:
    root = machine(tmp_path, V2_MOUNT, "0::/a", {"a/cpu.max": limit})

    assert figures(root).cpu_limit_cores is None


def test_a_vanished_process_has_no_cgroup(tmp_path: Path) -> None:
    assert cgroups.locate(PID, tmp_path) == cgroups.Cgroup()


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="needs Linux with cgroups")
def test_this_machine_is_read_without_surprises() -> None:
    got = cgroups.read(cgroups.locate(os.getpid()))

    assert got.cpu_limit_cores is None or 0 < got.cpu_limit_cores <= 4096
    assert got.memory_used_bytes is None or 0 < got.memory_used_bytes <= psutil.virtual_memory().total
    assert got.oom_kills is None or got.oom_kills >= 0
