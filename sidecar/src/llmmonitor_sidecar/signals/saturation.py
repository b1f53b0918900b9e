"""Whether the engine is saturated: what its queue and its preemptions did over the last samples.

A queue that never empties is the earliest sign that more comes than can be served; latency follows it. Looked
at once per resource interval. A look at which the engine does not say begins anew: nobody knows what it did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from llmmonitor_api.report.report import Engine, Saturation
from llmmonitor_sidecar.batch_means import growth

INCREMENTS, BLOCKS = 30, 10
_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class _Look:
    at_ns: int
    waiting: int
    running: int | None
    preemptions: int | None


class EngineLoad:
    """The last INCREMENTS + 1 looks at one engine."""

    def __init__(self) -> None:
        self._looks: deque[_Look] = deque(maxlen=INCREMENTS + 1)

    def look(self, engine: Engine | None, at_ns: int) -> Saturation | None:
        """What is so after this look; None before there are enough of them.

        Args:
            engine: its figures; None where they could not be had.
            at_ns: CLOCK_MONOTONIC, growing.
        """
        if engine is None or engine.waiting is None:
            self._looks.clear()
            return None
        if not self._looks or at_ns > self._looks[-1].at_ns:
            self._looks.append(_Look(at_ns, engine.waiting, engine.running, engine.preemptions))
        if len(self._looks) <= INCREMENTS:
            return None
        found = growth([(look.at_ns, look.waiting) for look in self._looks], BLOCKS)
        running = [look.running for look in self._looks if look.running is not None]
        return Saturation(
            samples=len(self._looks),
            span_seconds=found.span_seconds,
            waiting=engine.waiting,
            waiting_least=min(look.waiting for look in self._looks),
            waiting_per_minute=found.mean * _PER_MINUTE,
            waiting_per_minute_low=found.low * _PER_MINUTE,
            waiting_per_minute_high=found.high * _PER_MINUTE,
            running_most=max(running, default=None),
            preemptions=self._preemptions(),
        )

    def _preemptions(self) -> int | None:
        """Since the first look; an engine that started anew counts from zero."""
        counts = [look.preemptions for look in self._looks if look.preemptions is not None]
        if not counts:
            return None
        return sum(after - before if after >= before else after for before, after in pairwise(counts))
