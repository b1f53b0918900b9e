"""CPU time and memory of a whole process tree, from /proc.

CPU is the sum of `sum_exec_runtime` (ns, `/proc/PID/task/*/schedstat`) over all threads of all processes:
finer than the 10 ms ticks of utime/stime, and like them it contains the network work the kernel does in the
thread's name. Memory is PSS (`smaps_rollup`): pages shared by a supervisor and its forked children are
counted once.
"""

import contextlib
import os
from pathlib import Path

import psutil


def tree(pid: int) -> list[int]:
    """The process and all its descendants that are alive."""
    try:
        root = psutil.Process(pid)
        return [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pids: list[int]) -> float:
    """CPU time used so far by all threads of the processes; those that vanished count nothing."""
    total_ns = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1e9


def busy_seconds() -> float:
    """CPU time used so far by everything on the machine, all cores together (10 ms ticks of /proc/stat)."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _, _, irq, softirq = (int(word) for word in words[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def stolen_seconds() -> float:
    """CPU time the hypervisor gave to others so far although this machine wanted it, all cores together."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(words[8]) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pids: list[int]) -> int:
    """Proportional set size of the processes; those that vanished count nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
