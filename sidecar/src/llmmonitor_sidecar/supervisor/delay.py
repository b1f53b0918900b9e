"""How long the relay waits for a CPU: the p99 over 5 s, from the scheduler's counters.

The kernel gives totals (`/proc/PID/schedstat`), so each sample yields the mean wait of the times the relay
got a CPU since the sample before; the percentile is over those times. A wait that has not ended yet is not
in the counters: the heartbeat covers that.
"""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmmonitor_sidecar.linux import ScheduleStatistics

WINDOW_NS = 5_000_000_000
_SAMPLES_LIMIT = 64
"""One every 100 ms for 5 s, and some more."""


class RunQueueDelay:
    """A sliding window over one process; a new process gets a new one."""

    def __init__(self) -> None:
        self._last: ScheduleStatistics | None = None
        self._samples: collections.deque[tuple[int, float, int]] = collections.deque(maxlen=_SAMPLES_LIMIT)

    def add(self, statistics: ScheduleStatistics | None, now_ns: int) -> None:
        """Take the counters as they are now; None when the process is gone."""
        last, self._last = self._last, statistics
        if last is None or statistics is None:
            return
        slices = statistics.slices - last.slices
        if slices > 0:
            self._samples.append((now_ns, (statistics.wait_ns - last.wait_ns) / slices, slices))

    def p99_us(self, now_ns: int) -> int:
        """Microseconds that 99 of 100 turns waited at most, in the last 5 s; 0 when there were none."""
        recent = [(wait, slices) for at, wait, slices in self._samples if now_ns - at <= WINDOW_NS]
        rank = math.ceil(0.99 * sum(slices for _, slices in recent))
        for wait_ns, slices in sorted(recent):
            rank -= slices
            if rank <= 0:
                return int(wait_ns / 1000)
        return 0
