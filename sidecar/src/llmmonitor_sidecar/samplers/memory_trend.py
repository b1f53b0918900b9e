"""How fast the memory that the kernel cannot take back grows, with an interval that autocorrelation widens.

Memory moves in steps and teeth: its samples are no independent ones around a line, and an interval that takes
them for such calls every tooth a leak. So the growth is the mean of the increments, and its interval comes
from the means of a few blocks in a row, which are nearly independent where a block is longer than a step
(nonoverlapping batch means: Conway 1963, Management Science 10(1); Schmeiser 1982, Operations Research
30(3)). One step alone is no trend by it: its block differs from all the others. Several lengths are looked at
at once, since a fast growth leaves no time for a long one. What to make of it is the operator's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import islice

from llmmonitor_api.report.report import MemoryTrend

_NANO = 1e-9
LENGTHS = ((8, 4), (30, 10), (120, 10))
"""Increments of each trend, and the blocks that they are divided into."""
REMEMBERED = 256
"""Samples; those before a trend's begin tell whether such a height is new."""
GAP_FACTOR = 4.0
"""A pause this much longer than they are on average ends the series: nobody knows what happened in it."""
_STUDENT_T = {3: 3.182, 9: 2.262}
"""The 97.5 % quantile by degrees of freedom: one less than there are blocks."""

_Sample = tuple[int, int]
"""CLOCK_MONOTONIC ns, bytes."""


class MemoryGrowth:
    """The last samples of one set of processes."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=REMEMBERED)

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
        samples = list(islice(self._samples, begin, None))
        size = increments // blocks
        rates = [
            (samples[end][1] - samples[end - size][1]) / ((samples[end][0] - samples[end - size][0]) * _NANO)
            for end in range(size, increments + 1, size)
        ]
        mean, half = _mean_and_half_interval(rates)
        before = max((held for _, held in islice(self._samples, begin)), default=None)
        return MemoryTrend(
            bytes_per_second=round(mean),
            low=round(mean - half),
            high=round(mean + half),
            samples=increments,
            span_seconds=(samples[-1][0] - samples[0][0]) * _NANO,
            highest_before_bytes=before,
        )

    def _has_gap_before(self, at_ns: int) -> bool:
        if len(self._samples) < 2:  # noqa: PLR2004 - two samples make a pause
            return False
        first_ns, last_ns = self._samples[0][0], self._samples[-1][0]
        return at_ns - last_ns > GAP_FACTOR * (last_ns - first_ns) / (len(self._samples) - 1)


def _mean_and_half_interval(blocks: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(blocks) / len(blocks)
    degrees = len(blocks) - 1
    variance = math.fsum((block - mean) ** 2 for block in blocks) / degrees
    return mean, _STUDENT_T[degrees] * math.sqrt(variance / len(blocks))
