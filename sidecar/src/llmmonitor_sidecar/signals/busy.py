"""For how long the model was at work, and for how much of the time that could be told: what idle time costs.

Busy is the time with at least one request in flight, added up from the exchanges' own times. It could be told
while everything that reaches the model passes through here, or while the engine says whether it works on
anything; other time is not called idle. Both only grow, and add over replicas.
"""

from __future__ import annotations

from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import Totals


def at_work(engine: Engine | None) -> bool | None:
    """What the engine says of itself; None where it says nothing."""
    if engine is None or engine.running is None:
        return None
    return engine.running + (engine.waiting or 0) > 0


class BusyTime:
    """Adds to `totals.busy_nanoseconds` and `totals.observed_nanoseconds`."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._at_ns = 0
        """Up to which time is accounted for; 0 before anything happened."""
        self._looked_ns = 0
        self._in_flight = False
        self._busy_ns = 0
        """Since the last look."""

    def step(self, at_ns: int, in_flight: int) -> None:
        """So many requests are in flight since `at_ns`, or since the latest moment that was said before."""
        at_ns = max(at_ns, self._at_ns)
        if self._in_flight:
            self._busy_ns += at_ns - self._at_ns
        self._at_ns = at_ns
        self._looked_ns = self._looked_ns or at_ns
        self._in_flight = in_flight > 0

    def look(self, now_ns: int, in_flight: int, *, all_is_read: bool, engine_at_work: bool | None) -> None:
        """Account for the time since the last look.

        Args:
            now_ns: CLOCK_MONOTONIC, up to which everything was read.
            in_flight: requests in flight now.
            all_is_read: whether no request can reach the model unread.
            engine_at_work: what the engine itself says of now; None where it does not say.
        """
        self.step(now_ns, in_flight)
        elapsed, busy = self._at_ns - self._looked_ns, self._busy_ns
        self._looked_ns, self._busy_ns = self._at_ns, 0
        if not all_is_read and engine_at_work:
            busy = elapsed
        self._totals.busy_nanoseconds += busy
        self._totals.observed_nanoseconds += elapsed if all_is_read or engine_at_work is not None else busy
