"""How fast the memory that the kernel cannot take back grows, over several lengths at once.

A fast growth leaves no time for a long look, and a slow one shows in no short one. The interval is that of
`batch_means`; what to make of it is the operator's.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from llmmonitor_api.report.report import MemoryTrend
from llmmonitor_sidecar.batch_means import Sample, growth

LENGTHS = ((8, 4), (30, 10), (120, 10))
"""Increments of each trend, and the blocks that they are divided into."""
REMEMBERED = 256
"""Samples; those before a trend's begin tell whether such a height is new."""
GAP_FACTOR = 4.0
"""A pause this much longer than they are on average ends the series: nobody knows what happened in it."""


class MemoryGrowth:
    """The last samples of one set of processes."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=REMEMBERED)

    def add(self, at_ns: int, bytes_held: int | None) -> None:
        """Add one sample; `at_ns` grows. None, as where nothing is known, ends the series."""
        if bytes_held is None or self._has_gap_before(at_ns):
            self.clear()
        if bytes_held is not None:
            self._samples.append((at_ns, bytes_held))

    def clear(self) -> None:
        """Forget everything: other processes."""
        self._samples.clear()

    def trends(self) -> tuple[MemoryTrend, ...]:
        """One for each length that there are samples enough for, the shortest first."""
        return tuple(
            self._trend(increments, blocks)
            for increments, blocks in LENGTHS
            if len(self._samples) > increments
        )

    def _trend(self, increments: int, blocks: int) -> MemoryTrend:
        begin = len(self._samples) - increments - 1
        found = growth(list(islice(self._samples, begin, None)), blocks)
        return MemoryTrend(
            bytes_per_second=round(found.mean),
            low=round(found.low),
            high=round(found.high),
            samples=increments,
            span_seconds=found.span_seconds,
            highest_before_bytes=max((held for _, held in islice(self._samples, begin)), default=None),
        )

    def _has_gap_before(self, at_ns: int) -> bool:
        if len(self._samples) < 2:  # noqa: PLR2004 - two samples make a pause
            return False
        first_ns, last_ns = self._samples[0][0], self._samples[-1][0]
        return at_ns - last_ns > GAP_FACTOR * (last_ns - first_ns) / (len(self._samples) - 1)
