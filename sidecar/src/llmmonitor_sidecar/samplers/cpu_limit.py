"""How much of the last minute the model was held back by its CPU limit, seen from another container.

CFS counts throttled periods in the cgroup, which a sidecar cannot read. What anyone may read is what each
thread ran and how long it was runnable without running (`/proc/PID/task/TID/schedstat`), and a throttled
thread waits. So a second counts in which the threads used all that the limit gives and others, or the same,
waited meanwhile: using it up alone is no harm, and waiting below it is a busy node. Tried against a cgroup
with a quota: its threads wait for as long as it is throttled.
Threads are read only while the model comes near its limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from llmmonitor_sidecar import linux

WINDOW_SECONDS = 60.0
NEAR = 0.7
"""Of the limit, by clock ticks: from here on threads are read."""
USED_UP = 0.88
"""Of the limit: in a second it is given ten times, but a look may fall between and see nine of them."""
WAITED = 0.1
"""Seconds of waiting per second, of all threads together: less is noise."""
THREADS_LIMIT = 1024
"""Those beyond are not read, and what they use is missing: the share is then a lower bound."""
_LOOKS_LIMIT = 128
_NANO = 1e-9

Threads = dict[tuple[int, int], linux.ScheduleStatistics]
"""By process and thread."""


def read_threads(pids: Iterable[int]) -> Threads:
    """Those of these processes, at most THREADS_LIMIT."""
    found: Threads = {}
    for pid in pids:
        for thread in _threads(pid):
            if len(found) >= THREADS_LIMIT:
                return found
            statistics = linux.schedule_statistics(pid, thread)
            if statistics is not None:
                found[pid, thread] = statistics
    return found


def _threads(pid: int) -> Iterator[int]:
    try:
        yield from [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return


class CpuLimit:
    """Looks at one set of processes, once per sample."""

    def __init__(self, read: Callable[[Iterable[int]], Threads] = read_threads) -> None:
        self._read = read
        self._looks: deque[tuple[int, float, bool]] = deque(maxlen=_LOOKS_LIMIT)
        """When each ended, how long it was in seconds, and whether the model was held back in it."""
        self._before: tuple[int, float] | None = None
        self._threads: Threads = {}

    def clear(self) -> None:
        """Forget everything: other processes."""
        self._looks.clear()
        self._before, self._threads = None, {}

    def look(
        self, now_ns: int, pids: Iterable[int], cpu_seconds: float, limit_cores: float | None
    ) -> float | None:
        """The share of the last minute, or of what is known of it; None without a limit or a second look.

        Args:
            now_ns: CLOCK_MONOTONIC.
            pids: of the model's processes.
            cpu_seconds: that they have used so far, in clock ticks' accuracy.
            limit_cores: what the limit gives them.
        """
        before, self._before = self._before, (now_ns, cpu_seconds)
        if limit_cores is None or before is None or now_ns <= before[0]:
            return None
        seconds = (now_ns - before[0]) * _NANO
        near = cpu_seconds - before[1] >= NEAR * limit_cores * seconds
        earlier, self._threads = self._threads, self._read(pids) if near else {}
        held_back = _held_back(earlier, self._threads, limit_cores * seconds, WAITED * seconds)
        self._looks.append((now_ns, seconds, held_back))
        while (now_ns - self._looks[0][0]) * _NANO >= WINDOW_SECONDS:
            self._looks.popleft()
        return sum(length for _, length, held in self._looks if held) / sum(
            length for _, length, _ in self._looks
        )


def _held_back(earlier: Threads, now: Threads, given_seconds: float, waited_seconds: float) -> bool:
    both = [(statistics, earlier[thread]) for thread, statistics in now.items() if thread in earlier]
    ran = sum(after.run_ns - before.run_ns for after, before in both) * _NANO
    waited = sum(after.wait_ns - before.wait_ns for after, before in both) * _NANO
    return ran >= USED_UP * given_seconds and waited >= waited_seconds
