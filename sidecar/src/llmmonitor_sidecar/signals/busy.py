"""For how long the model was at work, and for how much of the time that could be told: what idle time costs.

Time in which it works on nothing but a probe of ours is told apart.

Busy is the time with at least one request in flight, added up from the exchanges' own times. It could be told
while everything that reaches the model passes through here, or while the engine says whether it works on
anything; other time is not called idle. Both only grow, and add over replicas.
"""

from __future__ import annotations

from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import Totals


def at_work(engine: Engine | None, probes: int = 0) -> bool | None:
    """What the engine says of itself, our own `probes` left out; None where it says nothing."""
    if engine is None or engine.running is None:
        return None
    return engine.running + (engine.waiting or 0) > probes


class BusyTime:
    """Adds to `totals.busy_nanoseconds` and `totals.observed_nanoseconds`."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._at_ns = 0
        """Up to which time is accounted for; 0 before anything happened."""
        self._looked_ns = 0
        self._in_flight = False
        self._probing = False
        self._busy_ns = 0
        """Since the last look, as `_probing_ns`."""
        self._probing_ns = 0

    def step(self, at_ns: int, in_flight: int, *, probing: bool | None = None) -> None:
        """So many requests are in flight since `at_ns`, or since the latest moment that was said before.

        `probing` is whether a probe of ours is; None: as before.
        """
        at_ns = max(at_ns, self._at_ns)
        if self._in_flight:
            self._busy_ns += at_ns - self._at_ns
        elif self._probing:
            self._probing_ns += at_ns - self._at_ns
        self._at_ns = at_ns
        self._looked_ns = self._looked_ns or at_ns
        self._in_flight = in_flight > 0
        self._probing = self._probing if probing is None else probing

    def look(self, now_ns: int, in_flight: int, *, all_is_read: bool, engine_at_work: bool | None) -> None:
        """Account for the time since the last look.

        Args:
            now_ns: CLOCK_MONOTONIC, up to which everything was read.
            in_flight: requests in flight now.
            all_is_read: whether no request can reach the model unread.
            engine_at_work: what the engine itself says of now; None where it does not say.
        """
        self.step(now_ns, in_flight)
        elapsed, busy, probing = self._at_ns - self._looked_ns, self._busy_ns, self._probing_ns
        self._looked_ns, self._busy_ns, self._probing_ns = self._at_ns, 0, 0
        if not all_is_read and engine_at_work:
            busy, probing = elapsed, 0
        self._totals.busy_nanoseconds += busy
        self._totals.probing_nanoseconds += probing
        self._totals.observed_nanoseconds += (
            elapsed if all_is_read or engine_at_work is not None else busy + probing
        )
