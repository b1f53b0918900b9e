"""What a version did beside what the one before it did, at another time: a difference, never its cause.

Hours are the units: requests of an hour are alike, and a test that takes each for a draw of its own calls any
two days different. The interval is of a ratio estimated from clusters (Cochran, "Sampling Techniques", 1977,
ch. 6), by Student's t with the fewer hours of both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from llmmonitor_operator.distributions.student import two_sided
from llmmonitor_operator.windows import Count

HOURS_NEEDED = 6
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Difference:
    """Of the share of bad events: after less before, with its 95 % interval."""

    before: float
    after: float
    low: float
    high: float
    events: int
    """Of the later one."""


def difference(before: Mapping[int, Count], after: Mapping[int, Count], measures: int) -> Difference | None:
    """From events by the hour; None while either has fewer than HOURS_NEEDED hours of them.

    Args:
        before: of the earlier version.
        after: of the later one.
        measures: how many are looked at: together they are to miss in one of twenty (Bonferroni).
    """
    sides = [[one for one in hours.values() if one.total] for hours in (before, after)]
    fewest = min(map(len, sides))
    if fewest < HOURS_NEEDED:
        return None
    (old, old_variance), (new, new_variance) = map(_ratio, sides)
    heavier = two_sided(0.95, fewest - 1) / _NORMAL.inv_cdf(0.975)
    half = heavier * _NORMAL.inv_cdf(1 - 0.025 / max(1, measures)) * math.sqrt(old_variance + new_variance)
    return Difference(old, new, new - old - half, new - old + half, sum(one.total for one in sides[1]))


def _ratio(hours: list[Count]) -> tuple[float, float]:
    """The share of bad events, and its variance between hours."""
    total = sum(one.total for one in hours)
    share = sum(one.bad for one in hours) / total
    squares = sum((one.bad - share * one.total) ** 2 for one in hours)
    return share, len(hours) / (len(hours) - 1) * squares / total**2
