"""The mean rate of change of a series, with an interval that autocorrelation widens.

Samples of a memory or a queue are no independent ones around a line: they move in steps and teeth, and an
interval that takes them for such calls every tooth a trend. So the rate is the mean of the increments, and
its interval comes from the means of a few blocks in a row, which are nearly independent where a block is
longer than a step (nonoverlapping batch means: Conway 1963, Management Science 10(1); Schmeiser 1982,
Operations Research 30(3)). One step alone is no trend by it: its block differs from all the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_NANO = 1e-9
_STUDENT_T = {3: 3.182, 9: 2.262}
"""The 97.5 % quantile by degrees of freedom: one less than there are blocks."""

Sample = tuple[int, int]
"""CLOCK_MONOTONIC ns, and what was counted then."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Per second, with the ends of the 95 % interval."""

    mean: float
    low: float
    high: float
    span_seconds: float


def growth(samples: Sequence[Sample], blocks: int) -> Growth:
    """Of samples in the order of time, one more than a multiple of `blocks`, which is 4 or 10."""
    size = (len(samples) - 1) // blocks
    rates = [
        (samples[end][1] - samples[end - size][1]) / ((samples[end][0] - samples[end - size][0]) * _NANO)
        for end in range(size, len(samples), size)
    ]
    mean = math.fsum(rates) / blocks
    variance = math.fsum((rate - mean) ** 2 for rate in rates) / (blocks - 1)
    half = _STUDENT_T[blocks - 1] * math.sqrt(variance / blocks)
    return Growth(mean, mean - half, mean + half, (samples[-1][0] - samples[0][0]) * _NANO)
