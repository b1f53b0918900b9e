"""Against the kernel's own CFS quota where there is a cgroup v1 to write to, and against a busy machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from llmmonitor_sidecar.linux import ScheduleStatistics
from llmmonitor_sidecar.samplers.cpu_limit import CpuLimit

SECOND = 10**9
CPU = Path("/sys/fs/cgroup/cpu")
SPINS = "import sys, threading\nprint('up', flush=True)\n{spin}"
TWO = "threading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start()\nwhile True: pass"
IDLE = "sys.stdin.read()"
QUOTA_CORES = 0.1


@contextmanager
def running(spin: str) -> Iterator[subprocess.Popen[str]]:
    program = SPINS.format(spin=spin)
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def quota() -> Iterator[Path]:
    """A cgroup that gives a tenth of a core."""
    group = CPU / f"llm-monitor-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text(str(round(QUOTA_CORES * 100_000)))
    except OSError as refused:
        pytest.skip(f"!!! NOT TESTED: a real CPU quota: {refused}")
    try:
        yield group
    finally:
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.05)  # a process that has just ended is still in it


def seconds_of(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watched(process: subprocess.Popen[str], limit_cores: float, looks: int = 4) -> list[float | None]:
    limit, shares = CpuLimit(), []
    for _ in range(looks):
        shares.append(limit.look(time.monotonic_ns(), [process.pid], seconds_of(process), limit_cores))
        time.sleep(1)  # the kernel's clock is the one that is read
    return shares


def test_what_a_quota_holds_back_is_seen(quota: Path) -> None:
    with running(TWO) as process:
        (quota / "cgroup.procs").write_text(str(process.pid))
        time.sleep(0.2)  # what it had before counts against its first period

        shares = watched(process, QUOTA_CORES)
        process.kill()
        process.wait()

    assert shares[0] is None
    assert shares[1] == 0, "the first look near the limit has nothing to compare with"
    assert shares[-1] is not None
    assert shares[-1] > 0.5


def test_what_has_far_more_than_it_uses_is_not_held_back() -> None:
    with running(IDLE) as process:
        assert watched(process, 0.5, looks=3)[1:] == [0, 0]


def test_waiting_below_the_limit_is_the_nodes_business(quota: Path) -> None:
    """Something else keeps it from running: here the quota, of which the pod's spec does not know."""
    with running(TWO) as process:
        (quota / "cgroup.procs").write_text(str(process.pid))

        shares = watched(process, 4 * QUOTA_CORES)
        process.kill()
        process.wait()

    assert shares[-1] == 0


def test_without_a_limit_nothing_is_said() -> None:
    limit = CpuLimit()

    assert [limit.look(n * SECOND, [os.getpid()], float(n), None) for n in range(3)] == [None] * 3


def test_who_is_gone_uses_nothing() -> None:
    limit = CpuLimit()

    shares = [limit.look(n * SECOND, [2**22 + 1], float(n), 0.5) for n in range(1, 4)]

    assert shares == [None, 0, 0]


@pytest.mark.parametrize(
    ("used", "waited", "share"), [(1.0, 0.5, 1), (0.9, 0.2, 1), (0.8, 0.5, 0), (1.0, 0.05, 0), (0.2, 3.0, 0)]
)
def test_only_using_it_up_while_waiting_counts(used: float, waited: float, share: float) -> None:
    """Of a limit of two cores, by two threads."""
    counters = (
        dict.fromkeys(
            ((1, 1), (1, 2)), ScheduleStatistics(round(n * used * SECOND), round(n * waited / 2 * SECOND), n)
        )
        for n in count()
    )
    limit = CpuLimit(read=lambda _pids: next(counters))

    shares = [limit.look(n * SECOND, [1], 2 * used * n, 2.0) for n in range(100)]

    assert shares[99] == share, "the first look, which could not tell, is over a minute ago"
